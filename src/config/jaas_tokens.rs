//! [`Tokens`]: reads `sasl.jaas.config` like Java's `StreamTokenizer`.

use std::{iter::Peekable, str::Chars};

use crate::secret::Secret;

/// A token of `java.io.StreamTokenizer` as configured by Kafka.
pub(super) enum Token {
    Word(Secret),
    Quoted(Secret),
    Number,
    Sign(char),
}

/// The tokens of a text.
pub(super) struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
    /// The capacity of a token. It is sufficient, because growing would leave a copy of the secret in freed memory.
    longest: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { chars: text.chars().peekable(), longest: text.len() }
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, String> {
        loop {
            let Some(first) = self.chars.next() else { return Ok(None) };
            return Ok(Some(match first {
                '\0'..=' ' => continue,
                '/' => {
                    self.comment()?;
                    continue;
                }
                '"' | '\'' => Token::Quoted(self.quoted(first)?),
                '0'..='9' | '.' | '-' => {
                    // Java's tokenizer reads a number here, which is not a valid value.
                    while self.chars.next_if(|next| is_word(*next)).is_some() {}
                    Token::Number
                }
                first if is_word(first) => {
                    let mut word = String::with_capacity(self.longest);
                    word.push(first);
                    while let Some(next) = self.chars.next_if(|next| is_word(*next)) {
                        word.push(next);
                    }
                    Token::Word(word.into())
                }
                sign => Token::Sign(sign),
            }));
        }
    }

    /// Skips a comment after its first slash: `/* .. */`, or up to the end of the line.
    fn comment(&mut self) -> Result<(), String> {
        if self.chars.next_if_eq(&'*').is_none() {
            while self.chars.next_if(|next| !matches!(next, '\n' | '\r')).is_some() {}
            return Ok(());
        }
        while let Some(next) = self.chars.next() {
            if next == '*' && self.chars.next_if_eq(&'/').is_some() {
                return Ok(());
            }
        }
        Err("has an unterminated comment /*".to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<Secret, String> {
        let mut text = String::with_capacity(self.longest);
        loop {
            match self.chars.next() {
                Some(next) if next == quote => return Ok(text.into()),
                None | Some('\n' | '\r') => return Err("has a quote that is not closed on the same line".to_owned()),
                Some('\\') => match self.chars.next() {
                    None => return Err("has a quote that is not closed on the same line".to_owned()),
                    Some(escaped) => text.push(self.escaped(escaped)),
                },
                Some(next) => text.push(next),
            }
        }
    }

    /// C's escapes, including octal ones of up to three digits; three only if the first is at most 3.
    fn escaped(&mut self, escaped: char) -> char {
        match escaped {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let mut code = u32::from(escaped) - u32::from('0');
                for _ in 0..if escaped <= '3' { 2 } else { 1 } {
                    match self.chars.next_if(|next| ('0'..='7').contains(next)) {
                        Some(digit) => code = code * 8 + u32::from(digit) - u32::from('0'),
                        None => break,
                    }
                }
                char::from_u32(code).unwrap_or(escaped)
            }
            other => other,
        }
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '.') || c >= '\u{a0}'
}
