//! A labelled input with its hint and its error beside it.

use maud::{Markup, html};

/// One input of a form.
pub(crate) struct Field<'a> {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The input's type. What is typed into a `password` is never sent back.
    pub(crate) kind: &'static str,
    /// What password managers go by.
    pub(crate) autocomplete: &'static str,
    pub(crate) value: &'a str,
    pub(crate) hint: Option<Markup>,
    pub(crate) error: Option<&'a str>,
    /// The ID of what describes it besides, such as a refusal that is about several fields.
    pub(crate) described_by: Option<&'static str>,
}

impl Field<'_> {
    /// The field. With `focus`, typing begins here.
    pub(crate) fn render(&self, focus: bool) -> Markup {
        let (name, hint, error) = (
            self.name,
            format!("{}-hint", self.name),
            format!("{}-error", self.name),
        );
        let described: Vec<&str> = [
            self.described_by,
            self.hint.as_ref().map(|_| hint.as_str()),
            self.error.map(|_| error.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let value = (self.kind != "password").then_some(self.value);
        let invalid = self.error.map(|_| "true");
        html! {
            div.field {
                label for=(name) { (self.label) }
                @if let Some(content) = &self.hint { div.hint id=(hint) { (content) } }
                @if let Some(text) = self.error { p.wrong id=(error) { (text) } }
                input id=(name) name=(name) type=(self.kind) autocomplete=(self.autocomplete) value=[value]
                    aria-invalid=[invalid] aria-describedby=[described] spellcheck="false" required autofocus[focus];
            }
        }
    }
}

/// Renders fields so that typing begins at the first one with an error, or else at the first empty
/// one.
pub(crate) fn render_all(fields: &[Field<'_>]) -> Markup {
    let focus = fields
        .iter()
        .position(|field| field.error.is_some())
        .or_else(|| fields.iter().position(|field| field.value.is_empty()));
    html! {
        @for (index, field) in fields.iter().enumerate() { (field.render(Some(index) == focus)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> Field<'static> {
        Field {
            name: "email",
            label: "Email Address",
            kind: "email",
            autocomplete: "username",
            value: "\"><script>",
            hint: Some(html! { "Where we write to." }),
            error: Some("Nobody lives there."),
            described_by: Some("alert"),
        }
    }

    #[test]
    fn hint_and_error_describe_the_input() {
        let html = field().render(true).into_string();
        for part in [
            r#"<label for="email">"#,
            r#"aria-describedby="alert email-hint email-error""#,
            r#"id="email-error">Nobody lives there."#,
            r#"aria-invalid="true""#,
            r#"value="&quot;&gt;&lt;script&gt;""#,
            "autofocus",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let html = Field {
            kind: "password",
            value: "hunter2",
            error: None,
            hint: None,
            ..field()
        }
        .render(false);
        assert!(!html.into_string().contains("hunter2"));
    }
}
