//! E-mail addresses as Go's `net/mail.ParseAddress` reads them, and refuses them.

use std::net::IpAddr;

use crate::engine::golang;

/// The bare address of a text that holds one, perhaps with a name.
pub fn parse(text: &str) -> Result<String, String> {
    let mut parser = Parser { rest: text };
    let mut addresses = parser.address(true)?;
    if !parser.skip_comments() {
        return Err(COMMENT.to_owned());
    }
    if !parser.rest.is_empty() {
        return Err(format!("mail: expected single address, got {}", golang::quote(parser.rest)));
    }
    match (addresses.pop(), addresses.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err("mail: empty group".to_owned()),
        (Some(_), false) => Err("mail: group with multiple addresses".to_owned()),
    }
}

const COMMENT: &str = "mail: misformatted parenthetical comment";

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    /// An address, or with `groups` a group of them.
    fn address(&mut self, groups: bool) -> Result<Vec<String>, String> {
        self.skip_space();
        if self.rest.is_empty() {
            return Err("mail: no address".to_owned());
        }
        if let Ok(spec) = self.spec() {
            self.skip_space();
            return if self.consume('(') && !self.comment() { Err(COMMENT.to_owned()) } else { Ok(vec![spec]) };
        }
        let name = if self.rest.starts_with('<') { String::new() } else { self.phrase()? };
        self.skip_space();
        if groups && self.consume(':') {
            return self.group();
        }
        if !self.consume('<') {
            let is_atom = name.chars().all(|char| is_atom(char, true));
            let what = if is_atom { "mail: missing '@' or angle-addr" } else { "mail: no angle-addr" };
            return Err(what.to_owned());
        }
        let spec = self.spec()?;
        if self.consume('>') { Ok(vec![spec]) } else { Err("mail: unclosed angle-addr".to_owned()) }
    }

    /// The addresses of a group, behind its colon.
    fn group(&mut self) -> Result<Vec<String>, String> {
        let mut group = Vec::new();
        self.skip_space();
        let mut is_over = self.consume(';');
        while !is_over {
            self.skip_space();
            group.extend(self.address(false)?);
            if !self.skip_comments() {
                return Err(COMMENT.to_owned());
            }
            is_over = self.consume(';');
            if !is_over && !self.consume(',') {
                return Err("mail: expected comma".to_owned());
            }
        }
        if self.skip_comments() { Ok(group) } else { Err(COMMENT.to_owned()) }
    }

    /// `local@domain`. After an error nothing is consumed.
    fn spec(&mut self) -> Result<String, String> {
        let start = self.rest;
        let spec = self.try_spec();
        if spec.is_err() {
            self.rest = start;
        }
        spec
    }

    fn try_spec(&mut self) -> Result<String, String> {
        self.skip_space();
        if self.rest.is_empty() {
            return Err("mail: no addr-spec".to_owned());
        }
        let local = if self.rest.starts_with('"') {
            let quoted = self.quoted().unwrap_or_default();
            if quoted.is_empty() { Err("mail: empty quoted string in addr-spec".to_owned()) } else { Ok(quoted) }?
        } else {
            self.atom(false)?.to_owned()
        };
        if !self.consume('@') {
            return Err("mail: missing @ in addr-spec".to_owned());
        }
        self.skip_space();
        if self.rest.is_empty() {
            return Err("mail: no domain in addr-spec".to_owned());
        }
        let domain = if self.rest.starts_with('[') { self.literal()? } else { self.atom(false)? };
        Ok(format!("{local}@{domain}"))
    }

    /// One or more words. An error counts only if there is none.
    fn phrase(&mut self) -> Result<String, String> {
        let mut words: Vec<String> = Vec::new();
        loop {
            if !words.is_empty() && !self.skip_comments() {
                return Err(COMMENT.to_owned());
            }
            self.skip_space();
            if self.rest.is_empty() {
                break;
            }
            let word = if self.rest.starts_with('"') { self.quoted() } else { self.atom(true).map(str::to_owned) };
            match word {
                Ok(word) => words.push(word),
                Err(error) if words.is_empty() => return Err(format!("mail: missing word in phrase: {error}")),
                Err(_) => break,
            }
        }
        Ok(words.join(" "))
    }

    /// A quoted text; on an error nothing is consumed.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut is_escaped = false;
        for (at, char) in self.rest.char_indices().skip(1) {
            let is_blank = matches!(char, ' ' | '\t');
            match char {
                _ if is_escaped && (is_visible(char) || is_blank) => {
                    text.push(char);
                    is_escaped = false;
                }
                '"' if !is_escaped => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' if !is_escaped => is_escaped = true,
                _ if !is_escaped && (is_visible(char) || is_blank) => text.push(char),
                _ => return Err(format!("mail: bad character in quoted-string: {}", golang::quote_char(char))),
            }
        }
        Err("mail: unclosed quoted-string".to_owned())
    }

    /// An atom, with dots. `permissive` lets dots stand anywhere.
    fn atom(&mut self, permissive: bool) -> Result<&'t str, String> {
        let end = self.rest.find(|char| !is_atom(char, true)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err("mail: invalid string".to_owned());
        }
        let atom;
        (atom, self.rest) = self.rest.split_at(end);
        let misplaced = [
            (atom.starts_with('.'), "mail: leading dot in atom"),
            (atom.contains(".."), "mail: double dot in atom"),
            (atom.ends_with('.'), "mail: trailing dot in atom"),
        ];
        match misplaced.into_iter().find(|(is_so, _)| *is_so && !permissive) {
            Some((_, what)) => Err(what.to_owned()),
            None => Ok(atom),
        }
    }

    /// `[1.2.3.4]`.
    fn literal(&mut self) -> Result<&'t str, String> {
        let whole = self.rest;
        let inner = &whole[1..];
        let end = inner.find(|char| char == ']' || !is_visible(char) || matches!(char, '[' | '\\'));
        let Some(end) = end else { return Err("mail: unclosed domain-literal".to_owned()) };
        if !inner[end..].starts_with(']') {
            let bad = inner[end..].chars().next().unwrap_or_default();
            return Err(format!("mail: bad character in domain-literal: {}", golang::quote_char(bad)));
        }
        let address = &inner[..end];
        if address.parse::<IpAddr>().is_err() {
            return Err(format!("mail: invalid IP address in domain-literal: {}", golang::quote(address)));
        }
        self.rest = &inner[end + 1..];
        Ok(&whole[..end + 2])
    }

    /// Skips blanks and comments; `false` if a comment does not end.
    fn skip_comments(&mut self) -> bool {
        self.skip_space();
        while self.consume('(') {
            if !self.comment() {
                return false;
            }
            self.skip_space();
        }
        true
    }

    /// Skips the rest of a comment, others within it included; `false` if it does not end.
    fn comment(&mut self) -> bool {
        let mut depth = 1;
        let mut is_escaped = false;
        for (at, char) in self.rest.char_indices() {
            match char {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &self.rest[at + 1..];
                return true;
            }
        }
        self.rest = "";
        false
    }

    fn consume(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

fn is_atom(char: char, dot: bool) -> bool {
    match char {
        '.' => dot,
        '(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | '@' | '\\' | ',' | '"' => false,
        _ => is_visible(char),
    }
}

fn is_visible(char: char) -> bool {
    !char.is_ascii() || char.is_ascii_graphic()
}
