//! `{{in}} {{out}} {{root}} {{args}} {{matrix.NAME}}` replaced by what they stand for.
//!
//! `{{{{` is `{{`. In a text for the shell each value is quoted as one word, and only where it needs to be; in a list of
//! words each value is a word, unquoted.

/// What a command may name.
pub(super) struct Values<'a> {
    /// From where the command runs, or why they cannot be written out.
    pub inputs: Result<Vec<String>, String>,
    pub outputs: Result<Vec<String>, String>,
    pub root: &'a str,
    /// `None` where the task takes none.
    pub args: Option<&'a [String]>,
    pub matrix: &'a [(String, String)],
}

/// The literal text and the names between, in turn.
enum Part<'t> {
    Literal(&'t str),
    Name(&'t str),
}

/// Whether a text has anything to be replaced.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains("{{")
}

/// A text of a manifest that is no command: only the matrix is known.
pub(super) fn text(text: &str, matrix: &[(String, String)]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for part in parts(text)? {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Name(name) => match chosen(name, matrix)? {
                Some(value) => out.push_str(value),
                None => return Err(format!("`{{{{{name}}}}}` has a meaning only in `cmd` and `script`")),
            },
        }
    }
    Ok(out)
}

/// A text for the shell.
pub(super) fn shell(text: &str, values: &Values<'_>) -> Result<(String, bool), String> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut quotes = Quotes::default();
    let mut has_args = false;
    for part in parts(text)? {
        match part {
            Part::Literal(literal) => {
                quotes.pass(literal);
                out.push_str(literal);
            }
            Part::Name(name) => {
                has_args |= name == "args";
                let words = values.words(name)?;
                if quotes.open.is_some() && !(words.len() == 1 && is_safe(&words[0])) {
                    return Err(format!(
                        "`{{{{{name}}}}}` stands within quotes: it is quoted as it needs to be, take them away"
                    ));
                }
                let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                out.push_str(&quoted.join(" "));
            }
        }
    }
    Ok((out, has_args))
}

/// One word of a list: more than one word where it is nothing but a name that stands for several.
pub(super) fn word(text: &str, values: &Values<'_>) -> Result<(Vec<String>, bool), String> {
    let parts = parts(text)?;
    if let [Part::Name(name)] = parts.as_slice() {
        return Ok((values.words(name)?, *name == "args"));
    }
    let mut out = String::with_capacity(text.len());
    let mut has_args = false;
    for part in parts {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Name(name) => {
                has_args |= name == "args";
                out.push_str(&values.words(name)?.join(" "));
            }
        }
    }
    Ok((vec![out], has_args))
}

/// A program in another language than the shell's: nothing is known about how it quotes.
pub(super) fn foreign(text: &str, values: &Values<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for part in parts(text)? {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Name(name) => {
                let words = values.words(name)?;
                if let Some(word) = words.iter().find(|word| !is_safe(word)) {
                    return Err(format!(
                        "`{{{{{name}}}}}` stands for `{word}`, which this interpreter might not take as it is"
                    ));
                }
                out.push_str(&words.join(" "));
            }
        }
    }
    Ok(out)
}

impl Values<'_> {
    fn words(&self, name: &str) -> Result<Vec<String>, String> {
        match name {
            "in" => self.inputs.clone(),
            "out" => self.outputs.clone(),
            "root" => Ok(vec![self.root.to_string()]),
            "args" => match self.args {
                Some(args) => Ok(args.to_vec()),
                None => Err("`{{args}}` needs `args = true`".to_string()),
            },
            name => match chosen(name, self.matrix)? {
                Some(value) => Ok(vec![value.to_string()]),
                None => Err(unknown(name)),
            },
        }
    }
}

/// The value of `matrix.NAME`; `None` for the other names that there are.
fn chosen<'v>(name: &str, matrix: &'v [(String, String)]) -> Result<Option<&'v str>, String> {
    let Some(axis) = name.strip_prefix("matrix.") else {
        return if matches!(name, "in" | "out" | "root" | "args") { Ok(None) } else { Err(unknown(name)) };
    };
    match matrix.iter().find(|(own, _)| own == axis) {
        Some((_, value)) => Ok(Some(value)),
        None => Err(format!("the matrix of this task has no `{axis}`")),
    }
}

fn unknown(name: &str) -> String {
    format!(
        "`{{{{{}}}}}` stands for nothing: there are in, out, root, args, matrix.NAME; `{{{{{{{{` is `{{{{`",
        name.escape_debug()
    )
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        if at > 0 {
            parts.push(Part::Literal(&rest[..at]));
        }
        let inner = &rest[at + 2..];
        if let Some(after) = inner.strip_prefix("{{") {
            parts.push(Part::Literal("{{"));
            rest = after;
            continue;
        }
        let Some(end) = inner.find("}}") else {
            return Err("`{{` without `}}`; `{{{{` is `{{`".to_string());
        };
        parts.push(Part::Name(inner[..end].trim()));
        rest = &inner[end + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

/// A text in which `{{` is written so that it stands for itself.
pub fn escape(text: &str) -> String {
    text.replace("{{", "{{{{")
}

/// Which quotes of the shell are open.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for c in text.chars() {
            match (self.open, c) {
                _ if self.is_escaped => self.is_escaped = false,
                (None | Some('"'), '\\') => self.is_escaped = true,
                (None, '\'' | '"') => self.open = Some(c),
                (Some(open), c) if open == c => self.open = None,
                _ => {}
            }
        }
    }
}

/// Whether the shell takes a text as one word that is just this text.
pub(super) fn is_safe(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c) || !c.is_ascii();
    !word.is_empty() && word.chars().all(is_plain)
}

/// A word for the shell.
pub(super) fn quoted(word: &str) -> String {
    if is_safe(word) { word.to_string() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(args: Option<&'a [String]>, matrix: &'a [(String, String)]) -> Values<'a> {
        Values {
            inputs: Ok(vec!["a b.c".to_string(), "it's".to_string()]),
            outputs: Ok(vec!["out/x".to_string()]),
            root: "/r",
            args,
            matrix,
        }
    }

    #[test]
    fn values_are_quoted_as_words() {
        let (args, matrix) = (["-x".to_string(), "$(rm)".to_string()], [("os".to_string(), "mac".to_string())]);
        let values = values(Some(&args), &matrix);
        let (text, has_args) = shell("cc {{in}} -o {{ out }} # {{matrix.os}} {{{{.Names}}", &values).expect("known");
        assert_eq!((text.as_str(), has_args), ("cc 'a b.c' 'it'\\''s' -o out/x # mac {{.Names}}", false));
        assert_eq!(shell("x {{args}}", &values).expect("known"), ("x -x '$(rm)'".to_string(), true));
        assert_eq!(word("{{in}}", &values).expect("known").0, ["a b.c", "it's"]);
        assert_eq!(word("--out={{out}}", &values).expect("known").0, ["--out=out/x"]);
        assert!(shell("echo \"{{args}}\"", &values).is_err(), "quotes in quotes");
        assert!(shell("echo \"{{out}}\" '\"{{out}}'", &values).is_ok());
        assert!(shell("echo \\\"{{args}}", &values).is_ok(), "an escaped quote is none");
        assert!(foreign("print('{{in}}')", &values).is_err());
        assert_eq!(foreign("print('{{out}}')", &values).expect("plain"), "print('out/x')");
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        let values = values(None, &[]);
        for bad in ["{{nothing}}", "{{args}}", "{{matrix.os}}", "{{in", "{{.Names}}"] {
            assert!(shell(bad, &values).is_err(), "{bad}");
        }
        assert!(text("{{in}}", &[]).is_err());
        assert_eq!(text("a {{{{b}} c", &[]).expect("plain"), "a {{b}} c");
        assert_eq!(text(&escape("{{{x}}"), &[]).expect("escaped"), "{{{x}}");
    }
}
