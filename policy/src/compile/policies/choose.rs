//! `choose`

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, Choose, When};
use crate::xml::Element;

pub(super) fn choose(reader: &mut Reader<'_, '_>, place: &Place<'_>) -> Option<Action> {
    reader.attributes(&[]);
    reader.children(&["when", "otherwise"]);
    let otherwise = reader.child("otherwise");
    let after = reader
        .element
        .elements()
        .skip_while(|child| child.name != "otherwise");
    if let (Some(otherwise), Some(_)) = (
        otherwise,
        after.into_iter().find(|child| child.name == "when"),
    ) {
        reader.report(
            otherwise.position,
            "`otherwise` stands before a `when`",
            "put it last",
        );
    }
    if reader.each("when").next().is_none() {
        reader.report_here("`choose` has no `when`", "add `<when condition=\"@(…)\">`");
    }
    let mut whens = Vec::new();
    for (i, when) in reader.each("when").enumerate() {
        let mut inner = reader.of(when);
        inner.attributes(&["condition"]);
        let condition = inner.required("condition", literal::boolean);
        let steps = branch(
            reader,
            when,
            place,
            format!("{}/when[{}]/", place.path, i + 1),
        );
        whens.extend(condition.map(|condition| When { condition, steps }));
    }
    let otherwise = otherwise.map(|element| {
        reader.of(element).attributes(&[]);
        branch(
            reader,
            element,
            place,
            format!("{}/otherwise[1]/", place.path),
        )
    });
    Some(Action::Choose(Choose {
        whens,
        otherwise: otherwise.unwrap_or_default(),
    }))
}

fn branch(
    reader: &mut Reader<'_, '_>,
    element: &Element,
    place: &Place<'_>,
    path: String,
) -> Vec<crate::plan::Step> {
    reader.compiler.branch(
        element,
        &Place {
            path,
            ..place.clone()
        },
    )
}
