//! Log lines: the library's human or JSON line, with the ids of the sampled span they were written
//! in.

use std::fmt;
use std::io::IsTerminal;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// For a terminal.
    Human,
    /// One JSON object per line, for a log store.
    Json,
}

/// Writes one event as one line.
pub(crate) enum Lines {
    Human(Format<Full>),
    Json(Format<Json>),
}

impl Lines {
    /// `colour` is used on a terminal only.
    pub(crate) fn new(format: LineFormat, colour: bool) -> Self {
        match format {
            LineFormat::Human => {
                Self::Human(Format::default().with_ansi(colour && std::io::stderr().is_terminal()))
            }
            LineFormat::Json => Self::Json(
                Format::default()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false),
            ),
        }
    }

    fn plain<S, N>(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
        N: for<'writer> FormatFields<'writer> + 'static,
    {
        match self {
            Self::Human(format) => format.format_event(context, writer, event),
            Self::Json(format) => format.format_event(context, writer, event),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(span) = sampled_span() else {
            return self.plain(context, writer, event);
        };
        let mut line = String::new();
        self.plain(context, Writer::new(&mut line), event)?;
        let (trace, id) = (span.trace_id(), span.span_id());
        match self {
            Self::Human(_) => writeln!(
                writer,
                "{} trace_id={trace} span_id={id}",
                line.trim_end_matches('\n')
            ),
            Self::Json(_) => {
                let open = line.trim_end_matches('\n');
                let open = open.strip_suffix('}').unwrap_or(open);
                writeln!(writer, r#"{open},"trace_id":"{trace}","span_id":"{id}"}}"#)
            }
        }
    }
}

/// The span being entered, if it will be exported. Read from the exporter's context, not from the
/// log layer's, which sees no spans.
fn sampled_span() -> Option<SpanContext> {
    Context::map_current(|context| {
        let span = context.span();
        let context = span.span_context();
        (context.is_valid() && context.is_sampled()).then(|| context.clone())
    })
}
