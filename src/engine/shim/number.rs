//! Numbers and truth as Go's `strconv` reads them, and why it does not.

use crate::engine::golang::quote;

/// `strconv.ParseBool`, with what it cannot read as false, as the shims have it.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

/// `strconv.ParseInt(text, 10, 32)`.
pub(super) fn parse_int32(text: &str) -> Result<i32, String> {
    let number =
        parse(text, u64::from(u32::MAX)).and_then(|number| i32::try_from(number).map_err(|_| "value out of range"));
    number.map_err(|why| failed("ParseInt", text, why))
}

/// `strconv.Atoi`.
pub(in crate::engine) fn atoi(text: &str) -> Result<i64, String> {
    let number = parse(text, u64::MAX).and_then(|number| i64::try_from(number).map_err(|_| "value out of range"));
    number.map_err(|why| failed("Atoi", text, why))
}

fn failed(function: &str, text: &str, why: &str) -> String {
    format!("strconv.{function}: parsing {}: {why}", quote(text))
}

/// The first thing wrong, from left to right, is what Go tells: a number beyond `max` counts as soon as it is reached.
fn parse(text: &str, max: u64) -> Result<i128, &'static str> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return Err("invalid syntax");
    }
    let mut number: u64 = 0;
    for digit in digits {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0')).ok_or("invalid syntax")?;
        let next = number.checked_mul(10).and_then(|number| number.checked_add(digit));
        number = next.filter(|number| *number <= max).ok_or("value out of range")?;
    }
    Ok(if negative { -i128::from(number) } else { i128::from(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, number) in
            [("7", 7), ("+7", 7), ("-7", -7), ("007", 7), ("2147483647", i32::MAX), ("-2147483648", i32::MIN)]
        {
            assert_eq!(parse_int32(text), Ok(number), "{text}");
        }
        assert_eq!(atoi("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(atoi("-9223372036854775808"), Ok(i64::MIN));
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (text, why) in [
            ("", r#"parsing "": invalid syntax"#),
            ("-", r#"parsing "-": invalid syntax"#),
            ("1_000", r#"parsing "1_000": invalid syntax"#),
            (" 1", r#"parsing " 1": invalid syntax"#),
            ("0x10", r#"parsing "0x10": invalid syntax"#),
            ("2147483648", r#"parsing "2147483648": value out of range"#),
            ("-2147483649", r#"parsing "-2147483649": value out of range"#),
            ("4294967296x", r#"parsing "4294967296x": value out of range"#),
            ("4294967295x", r#"parsing "4294967295x": invalid syntax"#),
        ] {
            assert_eq!(parse_int32(text), Err(format!("strconv.ParseInt: {why}")), "{text}");
        }
        assert_eq!(
            atoi("9223372036854775808").unwrap_err(),
            r#"strconv.Atoi: parsing "9223372036854775808": value out of range"#
        );
    }
}
