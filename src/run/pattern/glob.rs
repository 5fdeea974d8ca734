//! Globs over paths, matched and compared name by name.
//!
//! A glob is a list of alternatives (from `{a,b}`), each a list of parts: a name, a name with wildcards, or `**`. One
//! that matches a directory matches all beneath it, so each alternative ends, unsaid, in "and anything beneath".

use super::{PATH_BYTES_MAX, Pattern, is_hidden, resolve};
use crate::error::{Code, Result, fail};
use std::iter::Peekable;
use std::str::Chars;

/// Braces may not multiply to more than this.
const ALTERNATIVES_MAX: usize = 256;

/// A parsed glob.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    prefix: Vec<u8>,
    alternatives: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of names.
    Any,
    Name(Vec<u8>),
    Wild(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    One(char),
    /// `?`
    Each,
    /// `*`
    Star,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A character of a name, or a byte that is none: those are matched only by `?`, `*` and negated classes.
type Unit = Option<char>;

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl std::hash::Hash for Glob {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// Parses a text with wildcards; what turns out to have none is a path.
pub(super) fn parse(text: &str, base: &[u8]) -> Result<Pattern> {
    let mut alternatives = Vec::new();
    for text in expand_braces(text)? {
        alternatives.push(parse_parts(&text, base)?);
    }
    if let [parts] = alternatives.as_slice()
        && let Some(path) = as_path(parts)
    {
        return Ok(Pattern::Path(path));
    }
    let prefix = common_prefix(&alternatives);
    let texts: Vec<String> = alternatives.iter().map(|parts| parts_text(parts)).collect();
    let text = if let [one] = texts.as_slice() { one.clone() } else { format!("{{{}}}", texts.join(",")) };
    Ok(Pattern::Glob(Box::new(Glob { text, prefix, alternatives })))
}

impl Glob {
    /// The text, relative to the root.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches this path or a directory above it.
    pub fn matches(&self, path: &[u8]) -> bool {
        let names = names(path);
        !is_hidden(path) && self.alternatives.iter().any(|parts| walk(parts, &names).ended)
    }

    /// Whether it can match this path or something beneath it.
    pub fn may_match_beneath(&self, dir: &[u8]) -> bool {
        let names = names(dir);
        self.alternatives.iter().any(|parts| walk(parts, &names).is_open)
    }

    /// The names before the first wildcard, as a path.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether there can be a path that both match.
    pub fn may_match_same(&self, other: &Glob) -> bool {
        self.alternatives.iter().any(|a| other.alternatives.iter().any(|b| parts_meet(a, b)))
    }
}

fn names(path: &[u8]) -> Vec<&[u8]> {
    if path.is_empty() { Vec::new() } else { path.split(|byte| *byte == b'/').collect() }
}

impl Part {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Part::Any => true,
            Part::Name(own) => own == name,
            Part::Wild(tokens) => tokens_match(tokens, &units(name)),
        }
    }

    fn may_equal(&self, other: &Part) -> bool {
        match (self, other) {
            (Part::Any, _) | (_, Part::Any) => true,
            (Part::Name(a), Part::Name(b)) => a == b,
            (Part::Name(name), Part::Wild(tokens)) | (Part::Wild(tokens), Part::Name(name)) => {
                tokens_match(tokens, &units(name))
            }
            (Part::Wild(a), Part::Wild(b)) => tokens_meet(a, b),
        }
    }
}

/// How far parts came along the names of a path.
struct Walked {
    /// They match these names or the first of them.
    ended: bool,
    /// They do, or could if more names followed.
    is_open: bool,
}

/// Follows every way at once. `states[i]`: the first `i` parts match the names so far.
fn walk(parts: &[Part], names: &[&[u8]]) -> Walked {
    let mut states = vec![false; parts.len() + 1];
    states[0] = true;
    skip_any(parts, &mut states);
    for name in names {
        if states[parts.len()] {
            break;
        }
        let mut next = vec![false; states.len()];
        for (at, part) in parts.iter().enumerate() {
            if states[at] && part.matches(name) {
                next[if *part == Part::Any { at } else { at + 1 }] = true;
            }
        }
        skip_any(parts, &mut next);
        states = next;
    }
    Walked { ended: states[parts.len()], is_open: states.contains(&true) }
}

/// `**` also stands for no name at all.
fn skip_any(parts: &[Part], states: &mut [bool]) {
    for (at, part) in parts.iter().enumerate() {
        if states[at] && *part == Part::Any {
            states[at + 1] = true;
        }
    }
}

/// Whether two lists of parts, each followed by anything, can match one path.
fn parts_meet(a: &[Part], b: &[Part]) -> bool {
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut todo = vec![(0, 0)];
    while let Some((i, j)) = todo.pop() {
        let (Some(x), Some(y)) = (a.get(i), b.get(j)) else {
            // The one that has ended matches whatever the other goes on with.
            return true;
        };
        if std::mem::replace(&mut seen[i * (b.len() + 1) + j], true) {
            continue;
        }
        let (any_x, any_y) = (*x == Part::Any, *y == Part::Any);
        if any_x {
            todo.push((i + 1, j));
        }
        if any_y {
            todo.push((i, j + 1));
        }
        if x.may_equal(y) {
            todo.push((i + usize::from(!any_x), j + usize::from(!any_y)));
        }
    }
    false
}

fn units(name: &[u8]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        units.extend(chunk.valid().chars().map(Some));
        units.extend(chunk.invalid().iter().map(|_| None));
    }
    units
}

impl Token {
    fn matches(&self, unit: Unit) -> bool {
        match (self, unit) {
            (Token::Star | Token::Each, _) => true,
            (Token::One(own), unit) => Some(*own) == unit,
            (Token::Class { negated, ranges }, Some(unit)) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&unit)) != *negated
            }
            (Token::Class { negated, .. }, None) => *negated,
        }
    }

    fn may_equal(&self, other: &Token) -> bool {
        match (self, other) {
            (Token::One(c), token) | (token, Token::One(c)) => token.matches(Some(*c)),
            (Token::Class { negated: false, ranges: a }, Token::Class { negated: false, ranges: b }) => {
                a.iter().any(|(low, high)| b.iter().any(|(from, to)| low <= to && from <= high))
            }
            _ => true,
        }
    }
}

/// The classic walk with one way back: to the last star.
fn tokens_match(tokens: &[Token], units: &[Unit]) -> bool {
    let (mut at, mut unit) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while unit < units.len() {
        match tokens.get(at) {
            Some(Token::Star) => {
                back = Some((at, unit));
                at += 1;
                continue;
            }
            Some(token) if token.matches(units[unit]) => {
                at += 1;
                unit += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, from)) = back else { return false };
        back = Some((star, from + 1));
        (at, unit) = (star + 1, from + 1);
    }
    tokens[at..].iter().all(|token| *token == Token::Star)
}

fn tokens_meet(a: &[Token], b: &[Token]) -> bool {
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut todo = vec![(0, 0)];
    while let Some((i, j)) = todo.pop() {
        let (x, y) = (a.get(i), b.get(j));
        if x.is_none() && y.is_none() {
            return true;
        }
        if std::mem::replace(&mut seen[i * (b.len() + 1) + j], true) {
            continue;
        }
        let (star_x, star_y) = (x == Some(&Token::Star), y == Some(&Token::Star));
        if star_x {
            todo.push((i + 1, j));
        }
        if star_y {
            todo.push((i, j + 1));
        }
        if let (Some(x), Some(y)) = (x, y)
            && x.may_equal(y)
        {
            todo.push((i + usize::from(!star_x), j + usize::from(!star_y)));
        }
    }
    false
}

/// `a{b,c}` as `ab` and `ac`.
fn expand_braces(text: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut todo = vec![text.to_string()];
    while let Some(text) = todo.pop() {
        let Some((open, commas, close)) = first_braces(&text)? else {
            texts.push(text);
            continue;
        };
        if texts.len() + todo.len() + commas.len() > ALTERNATIVES_MAX {
            return fail(Code::ParseError, format!("braces stand for over {ALTERNATIVES_MAX} patterns"));
        }
        let mut to = close;
        for comma in commas.into_iter().rev().chain([open]) {
            todo.push(format!("{}{}{}", &text[..open], &text[comma + 1..to], &text[close + 1..]));
            to = comma;
        }
    }
    Ok(texts)
}

/// The first braces of a text: where they open, the commas between, where they close.
fn first_braces(text: &str) -> Result<Option<(usize, Vec<usize>, usize)>> {
    let (mut depth, mut open, mut commas) = (0usize, 0, Vec::new());
    let (mut is_escaped, mut in_class) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b']' => in_class = false,
            _ if in_class => {}
            b'[' => in_class = true,
            b'{' => {
                depth += 1;
                if depth == 1 {
                    open = at;
                }
            }
            b',' if depth == 1 => commas.push(at),
            b'}' if depth == 1 => return Ok(Some((open, commas, at))),
            b'}' if depth > 1 => depth -= 1,
            b'}' => return fail(Code::ParseError, format!("`{text}`: `}}` without `{{`; `\\}}` is the character")),
            _ => {}
        }
    }
    if depth > 0 {
        return fail(Code::ParseError, format!("`{text}`: `{{` is not closed; `\\{{` is the character"));
    }
    Ok(None)
}

fn parse_parts(text: &str, base: &[u8]) -> Result<Vec<Part>> {
    if text.len() > PATH_BYTES_MAX {
        return fail(Code::ParseError, format!("a pattern has over {PATH_BYTES_MAX} bytes"));
    }
    let pieces = split_names(text);
    let literals: Vec<String> = pieces.iter().map_while(|piece| unescaped(piece)).collect();
    // The names before the first wildcard may lead upward, as any path may.
    let mut head = literals.join("/").into_bytes();
    if text.starts_with('/') {
        head.insert(0, b'/');
    }
    let head = if head.is_empty() { base.to_vec() } else { resolve(&head, base)? };
    let mut parts: Vec<Part> = names(&head).into_iter().map(|name| Part::Name(name.to_vec())).collect();
    for piece in &pieces[literals.len()..] {
        match *piece {
            "" | "." => {}
            ".." => return fail(Code::PermissionDenied, format!("`{text}`: `..` after a wildcard may lead anywhere")),
            "**" if parts.last() == Some(&Part::Any) => {}
            "**" => parts.push(Part::Any),
            piece => parts.push(match unescaped(piece) {
                Some(name) if is_hidden(name.as_bytes()) => {
                    let message = format!("`{text}`: tasks have no part in `.git` and `.larder`");
                    return fail(Code::PermissionDenied, message);
                }
                Some(name) => Part::Name(name.into_bytes()),
                None => Part::Wild(parse_tokens(piece)?),
            }),
        }
    }
    if parts.last() == Some(&Part::Any) {
        // `dir/**` is what is in the directory, not a file of that name.
        parts.push(Part::Wild(vec![Token::Star]));
    }
    Ok(parts)
}

fn split_names(text: &str) -> Vec<&str> {
    let (mut names, mut from, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'/' => {
                names.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    names.push(&text[from..]);
    names
}

/// The name that a text without wildcards stands for.
fn unescaped(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return None,
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
    Some(name)
}

fn parse_tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if tokens.last() == Some(&Token::Star) => {}
            '*' => tokens.push(Token::Star),
            '?' => tokens.push(Token::Each),
            '\\' => match chars.next() {
                Some(c) => tokens.push(Token::One(c)),
                None => return fail(Code::ParseError, format!("`{text}` ends in `\\`")),
            },
            '[' => tokens.push(parse_class(text, &mut chars)?),
            c => tokens.push(Token::One(c)),
        }
    }
    Ok(tokens)
}

fn parse_class(text: &str, chars: &mut Peekable<Chars<'_>>) -> Result<Token> {
    let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        let low = match chars.next() {
            Some(']') if !ranges.is_empty() => return Ok(Token::Class { negated, ranges }),
            Some('\\') => chars.next(),
            c => c,
        };
        let Some(low) = low else {
            return fail(Code::ParseError, format!("`{text}`: `[` is not closed; `\\[` is the character"));
        };
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(c)) if c != ']' => {
                let high = if c == '\\' { ahead.next().unwrap_or(c) } else { c };
                *chars = ahead;
                high
            }
            _ => low,
        };
        if high < low {
            return fail(Code::ParseError, format!("`{text}`: the range {low}-{high} is empty"));
        }
        ranges.push((low, high));
    }
}

fn as_path(parts: &[Part]) -> Option<Vec<u8>> {
    let mut names = Vec::with_capacity(parts.len());
    for part in parts {
        let Part::Name(name) = part else { return None };
        names.push(name.as_slice());
    }
    Some(names.join(&b'/'))
}

fn common_prefix(alternatives: &[Vec<Part>]) -> Vec<u8> {
    let Some((first, rest)) = alternatives.split_first() else { return Vec::new() };
    let mut shared: Vec<&[u8]> = Vec::new();
    for (at, part) in first.iter().enumerate() {
        match part {
            Part::Name(name) if rest.iter().all(|parts| parts.get(at) == Some(part)) => shared.push(name),
            _ => break,
        }
    }
    shared.join(&b'/')
}

fn parts_text(parts: &[Part]) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            text.push('/');
        }
        match part {
            Part::Any => text.push_str("**"),
            Part::Name(name) => String::from_utf8_lossy(name).chars().for_each(|c| push_char(&mut text, c)),
            Part::Wild(tokens) => tokens.iter().for_each(|token| push_token(&mut text, token)),
        }
    }
    if text.is_empty() { ".".to_string() } else { text }
}

fn push_token(text: &mut String, token: &Token) {
    match token {
        Token::One(c) => push_char(text, *c),
        Token::Each => text.push('?'),
        Token::Star => text.push('*'),
        Token::Class { negated, ranges } => {
            text.push_str(if *negated { "[!" } else { "[" });
            for (low, high) in ranges {
                text.extend(['\\', *low]);
                if low != high {
                    text.extend(['-', '\\', *high]);
                }
            }
            text.push(']');
        }
    }
}

fn push_char(text: &mut String, c: char) {
    let is_special = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | ',');
    if is_special || (text.is_empty() && matches!(c, '@' | '!')) {
        text.push('\\');
    }
    text.push(c);
}
