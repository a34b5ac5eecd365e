//! `set-variable`

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, SetVariable};
use crate::value::Value;

pub(super) fn set_variable(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&["name", "value"]);
    reader.children(&[]);
    let name = reader.required_literal("name", literal::name);
    let value = reader.required("value", |text| Ok(Value::from(text)));
    Some(Action::SetVariable(Box::new(SetVariable {
        name: name?,
        value: value?,
    })))
}
