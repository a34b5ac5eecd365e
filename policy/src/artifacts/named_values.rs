//! Named values: `{{display-name}}` in policies, backends and APIs.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::NamedValueOverrides;
use super::fields::Fields;
use super::node::Node;
use crate::diagnostic::{Collector, suggest};
use crate::named_value::{Found, in_literal, is_name};
use crate::xml::NamedValue;

const FIELDS: [&str; 5] = ["displayName", "value", "secret", "tags", "keyVault"];

/// All named values, by display name.
#[derive(Default)]
pub(crate) struct NamedValues {
    values: BTreeMap<String, Entry>,
    /// What comes from outside; defines names that no file has.
    overrides: NamedValueOverrides,
}

struct Entry {
    /// `None`: defined, but its value is missing, which has been reported.
    value: Option<SecretString>,
    secret: bool,
}

impl NamedValues {
    /// Starts with the values from outside.
    pub(super) fn new(overrides: &NamedValueOverrides) -> Self {
        Self {
            values: BTreeMap::new(),
            overrides: overrides.clone(),
        }
    }

    /// Adds the named value of one file: `properties` is its content.
    pub(super) fn add(
        &mut self,
        file: &Arc<str>,
        properties: &Node,
        seen: &mut BTreeMap<String, Arc<str>>,
        collector: &mut Collector,
    ) {
        let Some(mut fields) = Fields::open(file, properties, &FIELDS, collector) else {
            return;
        };
        let Some((name, name_node)) = fields.required_text("displayName") else {
            return;
        };
        if !is_name(name) {
            let help = "use letters, digits, `.`, `-` and `_`, at most 256 of them";
            fields.report(
                name_node,
                format!("`{name}` is not a name for a named value"),
                help,
            );
            return;
        }
        if let Some(first) = seen.insert(name.to_owned(), Arc::clone(file)) {
            let help = "give every named value a display name of its own";
            fields.report(
                name_node,
                format!("the named value `{name}` is defined in `{first}` too"),
                help,
            );
        }
        let secret = fields.boolean("secret").unwrap_or(false);
        let written = fields
            .text("value")
            .map(|(text, _)| SecretString::from(text));
        let value = self.overrides.get(name).cloned().or(written);
        if value.is_none() && fields.get("value").is_none() {
            let what = match (fields.get("keyVault").is_some(), secret) {
                (true, _) => {
                    format!("the named value `{name}` is in a Key Vault, which weir does not read")
                }
                (_, true) => format!("the secret named value `{name}` has no value"),
                (_, false) => format!("the named value `{name}` has no value"),
            };
            fields.report(properties, what, how_to_give(name));
        }
        self.values.insert(name.to_owned(), Entry { value, secret });
    }

    /// What `name` stands for. A value whose absence has been reported reads as empty.
    pub(crate) fn get(&self, name: &str) -> Option<NamedValue<'_>> {
        let Some(entry) = self.values.get(name) else {
            // What only an override defines counts as secret, since nobody said otherwise.
            return self.overrides.get(name).map(|value| NamedValue {
                text: value.expose_secret(),
                secret: true,
            });
        };
        let text = entry
            .value
            .as_ref()
            .map_or("", |value| value.expose_secret());
        Some(NamedValue {
            text,
            secret: entry.secret,
        })
    }

    /// Whether a value is missing (and reported): what depends on it need not be judged.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|entry| entry.value.is_none())
    }

    /// What to do about a name that nobody defined.
    pub(crate) fn help_for_unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self
            .values
            .keys()
            .chain(self.overrides.values.keys())
            .map(String::as_str)
            .collect();
        let near = suggest::closest(name, &known).map(|near| format!("did you mean `{near}`? "));
        format!(
            "{}define it in `named values/{name}/namedValueInformation.json`, or {}",
            near.unwrap_or_default(),
            how_to_give(name)
        )
    }

    /// The text of a JSON field with its `{{name}}`s filled in; `None`, reported, if one is not
    /// known or has no value, or is none.
    pub(super) fn expand(
        &self,
        text: &str,
        node: &Node,
        fields: &mut Fields<'_, '_>,
    ) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut copied = 0;
        let mut complete = true;
        for found in in_literal(text) {
            let (place, name) = match found {
                Found::Reference(place, name) => (place, name),
                Found::Mistake(_, mistake) => {
                    complete = false;
                    fields.report(node, mistake.to_string(), mistake.help());
                    continue;
                }
            };
            match self.get(name) {
                Some(_) if self.is_missing(name) => complete = false,
                Some(value) => {
                    expanded.push_str(&text[copied..place.start]);
                    expanded.push_str(value.text);
                    copied = place.end;
                }
                None => {
                    complete = false;
                    fields.report(
                        node,
                        format!("there is no named value `{name}`"),
                        self.help_for_unknown(name),
                    );
                }
            }
        }
        expanded.push_str(&text[copied..]);
        complete.then_some(expanded)
    }
}

/// How an operator gives a named value from outside.
fn how_to_give(name: &str) -> String {
    let variable = NamedValueOverrides::variable(name);
    format!(
        "give it with `--named-value {name}=VALUE` or the environment variable `WEIR_NAMED_VALUE_{variable}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_flag_and_variable() {
        assert_eq!(
            how_to_give("function-key.v2"),
            "give it with `--named-value function-key.v2=VALUE` or the environment variable `WEIR_NAMED_VALUE_FUNCTION_KEY_V2`"
        );
    }
}
