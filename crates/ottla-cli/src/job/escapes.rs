//! Escapes in the flags that are kcat's.

/// A separator as kcat reads it: `\t`, `\n` and `\xXX` are characters.
pub(crate) fn unescaped(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let digits =
            after.get(1..3).filter(|digits| after.starts_with('x') && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let (byte, length) = match (after.as_bytes().first(), digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (Some(b't'), _) => (b'\t', 1),
            (Some(b'n'), _) => (b'\n', 1),
            (_, Some(byte)) => (byte, 3),
            _ => {
                return Err(
                    "has a `\\` that is not \\t, \\n or \\xXX with two hexadecimal digits; write \\x5c for a `\\`".to_owned()
                );
            }
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "is not UTF-8; write a character above \\x7f itself".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_those_of_kcat() {
        for (text, wanted) in
            [(":", ":"), ("\\t", "\t"), ("a\\x7C\\t\\n", "a|\t\n"), ("\\xc3\\xa9é", "éé"), ("\\x5ct", "\\t"), ("", "")]
        {
            assert_eq!(unescaped(text).as_deref(), Ok(wanted), "{text}");
        }
        for text in ["\\", "\\\\", "\\r", "\\x1", "\\x+1", "\\xé", "\\é"] {
            assert!(unescaped(text).unwrap_err().starts_with("has a `\\` that is not"), "{text}");
        }
        assert!(unescaped("\\xff").unwrap_err().starts_with("is not UTF-8"));
    }
}
