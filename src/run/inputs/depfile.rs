//! The files that a compiler says it read, in the syntax of make.

/// Reads a depfile: what stands right of the colons, in its order, each once.
///
/// `\` at the end of a line goes on on the next; `\ ` is a space in a name, `\#` a hash, `$$` a dollar, as compilers
/// write them. Targets without prerequisites, which compilers add for headers (`-MP`), say nothing.
pub fn parse_depfile(text: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut is_right_side = false;
    let mut rest = text;
    while let Some((token, after)) = next_token(rest) {
        rest = after;
        match token {
            Token::EndOfLine => is_right_side = false,
            Token::Word(word, ends_with_colon) => {
                if ends_with_colon && !is_right_side {
                    is_right_side = true;
                } else if is_right_side && seen.insert(word.clone()) {
                    found.push(word);
                }
            }
        }
    }
    found
}

enum Token {
    EndOfLine,
    /// A name, and whether it was the last on the left side.
    Word(Vec<u8>, bool),
}

fn next_token(text: &[u8]) -> Option<(Token, &[u8])> {
    let mut at = 0;
    loop {
        match text.get(at..)? {
            [] => return None,
            [b' ' | b'\t' | b'\r', ..] => at += 1,
            [b'\\', b'\n', ..] => at += 2,
            [b'\\', b'\r', b'\n', ..] => at += 3,
            [b'\n', ..] => return Some((Token::EndOfLine, &text[at + 1..])),
            _ => break,
        }
    }
    let mut word = Vec::new();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest {
            [b'\\', b'\n', ..] | [b'\\', b'\r', b'\n', ..] | [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => {
                let ends_with_colon = word.last() == Some(&b':');
                if ends_with_colon {
                    word.pop();
                }
                return Some((Token::Word(word, ends_with_colon), rest));
            }
            [b'\\', next @ (b' ' | b'#' | b'\\' | b':' | b'\t'), ..] => {
                word.push(*next);
                at += 2;
            }
            [b'$', b'$', ..] => {
                word.push(b'$');
                at += 2;
            }
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        parse_depfile(text.as_bytes()).into_iter().map(|path| String::from_utf8(path).expect("text")).collect()
    }

    #[test]
    fn what_compilers_write() {
        assert_eq!(
            parsed("a.o: a.c \\\n  a.h b\\ c.h\\\n /usr/include/stdio.h\n"),
            ["a.c", "a.h", "b c.h", "/usr/include/stdio.h"]
        );
        assert_eq!(parsed("a.o : a.c a.h\na.h:\nb.h:\n"), ["a.c", "a.h"]);
        assert_eq!(parsed("a.o b.o: x.c\nc.o: y.c x.c\n"), ["x.c", "y.c"]);
        assert_eq!(parsed("a.o: co$$t\\#1.c dir/\\\\x\r\n"), ["co$t#1.c", "dir/\\x"]);
        assert_eq!(parsed("c:/x.o: a.c"), ["a.c"]);
        assert_eq!(parsed(""), Vec::<String>::new());
        assert_eq!(parsed("no colon here"), Vec::<String>::new());
    }
}
