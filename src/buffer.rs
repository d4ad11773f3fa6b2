//! Byte helpers: numbers into and out of ASCII, and finding bytes in bytes.
//!
//! Owns nothing and knows no protocol; everything here is a plain function over slices, so that
//! parsers read as sentences. Read next: `proto/http1/parse.rs`, its main customer.

/// Appends `number` in decimal digits, without a `String` in between.
///
/// ```
/// let mut out = b"Content-Length: ".to_vec();
/// squall::buffer::push_decimal(&mut out, 512);
/// assert_eq!(out, b"Content-Length: 512");
/// ```
pub fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20]; // u64::MAX has twenty
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `number` in lower-case hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf]);
    }
}

/// Reads a number written in ASCII decimal digits and nothing else: no sign, no space, no `_`.
///
/// `None` for anything else, and for a number that does not fit.
pub fn parse_decimal(text: &[u8]) -> Option<u64> {
    parse_digits(text, 10)
}

/// Reads a number written in ASCII hexadecimal digits and nothing else: no `0x`, no sign.
pub fn parse_hex(text: &[u8]) -> Option<u64> {
    parse_digits(text, 16)
}

fn parse_digits(text: &[u8], radix: u32) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        number.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

/// Where `byte` first is.
pub fn find_byte(haystack: &[u8], byte: u8) -> Option<usize> {
    memchr::memchr(byte, haystack)
}

/// Where `needle` first begins, in linear time. An empty needle is at the front.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// Whether two words are the same in any case. Most of those that are the same are so to the letter,
/// and the comparison that finds that is many times shorter.
pub fn same_word(one: &[u8], other: &[u8]) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

/// Without the spaces and tabs around it, which is all the white space that HTTP knows.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: impl Fn(&mut Vec<u8>, u64), number: u64) -> String {
        let mut out = Vec::new();
        push(&mut out, number);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 4096, u64::MAX] {
            assert_eq!(pushed(push_decimal, number), number.to_string());
            assert_eq!(pushed(push_hex, number), format!("{number:x}"));
        }
    }

    #[test]
    fn only_digits_are_numbers() {
        assert_eq!(parse_decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_hex(b"00fF"), Some(255));
        for text in [&b""[..], b"+1", b"-1", b"1_0", b" 1", b"1 ", b"18446744073709551616"] {
            assert_eq!(parse_decimal(text), None, "{text:?}");
        }
        for text in [&b""[..], b"0x1", b"1_a", b"g", b"10000000000000000"] {
            assert_eq!(parse_hex(text), None, "{text:?}");
        }
    }

    #[test]
    fn finding() {
        assert_eq!(find(b"a\r\r\nb", b"\r\n"), Some(2));
        assert_eq!(find(b"abc", b""), Some(0));
        assert_eq!(find(b"abc", b"cd"), None);
        assert_eq!(trim(b" \t a b\t"), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
