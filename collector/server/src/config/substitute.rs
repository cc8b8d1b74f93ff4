//! Variables in a value of the file, as in the OpenTelemetry configuration data model: `${VAR}`,
//! `${env:VAR}`, `${VAR:-default}`, and `$$` for a dollar sign.
//!
//! Runs on values after the file was parsed, so that no variable can add a key or an item. A variable
//! that is not set, and has no default, is empty.

/// A value with its variables put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Substituted {
    /// The value.
    pub(super) text: String,
    /// Names of the variables that were asked for.
    pub(super) variables: Vec<String>,
}

/// Puts variables in.
///
/// # Errors
/// What is wrong with a reference, in words.
pub(super) fn substitute(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, String> {
    let mut out = Substituted { text: String::new(), variables: Vec::new() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.text.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) = after.split_once('}').ok_or_else(|| {
                "a \"${\" is never closed: write ${VAR}, or $$ for a dollar sign".to_owned()
            })?;
            let (name, default) = match reference.split_once(":-") {
                Some((name, default)) => (name, default),
                None => (reference, ""),
            };
            let name = name.strip_prefix("env:").unwrap_or(name);
            let mut letters = name.bytes();
            let begins = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_');
            if !begins || !letters.all(|c| c.is_ascii_alphanumeric() || c == b'_') {
                return Err(format!(
                    "\"${{{reference}}}\" names no variable: write ${{VAR}}, ${{env:VAR}} or \
                     ${{VAR:-default}}, and $$ for a dollar sign"
                ));
            }
            let value = env(name).filter(|v| !v.is_empty());
            out.text.push_str(value.as_deref().unwrap_or(default));
            out.variables.push(name.to_owned());
            rest = after;
        } else {
            out.text.push('$');
            rest = after;
        }
    }
    out.text.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, String> {
        let env = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "WILD" => Some("${A} $$ [x]: y\n- z".to_owned()),
            _ => None,
        };
        substitute(text, &env).map(|s| s.text)
    }

    #[test]
    fn as_the_data_model_says() {
        for (from, to) in [
            ("plain", "plain"),
            ("${A}", "one"),
            ("${env:A}", "one"),
            ("a${A}b${A}c", "aonebonec"),
            ("${NO}", ""),
            ("${NO:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${NO:-}", ""),
            ("${A:-two}", "one"),
            ("${env:NO:-a:-b}", "a:-b"),
            ("$${A}", "${A}"),
            ("$$$${A}", "$${A}"),
            ("$$${A}", "$one"),
            ("$A costs 3$", "$A costs 3$"),
            ("${WILD}", "${A} $$ [x]: y\n- z"),
        ] {
            assert_eq!(told(from).as_deref(), Ok(to), "{from}");
        }
        for bad in ["${", "${A", "${}", "${1A}", "${A B}", "${A:?no}", "${file:A}", "${A:}"] {
            assert!(told(bad).is_err(), "{bad}");
        }
    }
}
