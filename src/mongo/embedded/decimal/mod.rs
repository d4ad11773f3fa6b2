//! Decimal128 as a number: sign, coefficient and exponent, with exact sums and products.
//!
//! The `bson` crate carries the sixteen bytes and reads and writes them as text; a store must also
//! compare and add them. Digits are kept in vectors, simple rather than fast: decimals are rare.
//! Read next: `digits.rs`, then `../number.rs`, which mixes them with the other number types.

mod digits;

use std::cmp::Ordering;

use bson::Decimal128;

const DIGITS: usize = 34;
const BIAS: i32 = 6176;
const EXPONENT_MAX: i32 = 6111;

/// A decimal taken apart; a finite one is `coefficient × 10^exponent`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decimal {
    NaN,
    Infinite { negative: bool },
    Finite { negative: bool, digits: Vec<u8>, exponent: i32 },
}

impl Decimal {
    pub(super) fn unpack(value: Decimal128) -> Self {
        let bits = u128::from_le_bytes(value.bytes());
        let negative = bits >> 127 == 1;
        match (bits >> 122) & 0b1_1111 {
            0b1_1111 => Self::NaN,
            0b1_1110 => Self::Infinite { negative },
            // The second form has no canonical values: the coefficient counts as zero.
            0b1_1000..=0b1_1101 => {
                let exponent = ((bits >> 111) & 0x3fff) as i32 - BIAS;
                Self::Finite { negative, digits: Vec::new(), exponent }
            }
            _ => {
                let exponent = ((bits >> 113) & 0x3fff) as i32 - BIAS;
                let coefficient = bits & ((1 << 113) - 1);
                let digits = if coefficient >= 10_u128.pow(DIGITS as u32) {
                    Vec::new()
                } else {
                    digits::of(coefficient)
                };
                Self::Finite { negative, digits, exponent }
            }
        }
    }

    /// Rounds half to even to 34 digits; too large becomes infinite, too small becomes zero.
    pub(super) fn pack(self) -> Decimal128 {
        let bits = match self {
            Self::NaN => 0b1_1111 << 122,
            Self::Infinite { negative } => (u128::from(negative) << 127) | (0b1_1110 << 122),
            Self::Finite { negative, mut digits, mut exponent } => {
                digits::trim(&mut digits);
                let excess = digits.len().saturating_sub(DIGITS);
                digits::round_off(&mut digits, &mut exponent, excess);
                let below = (-BIAS - exponent).max(0) as usize;
                digits::round_off(&mut digits, &mut exponent, below);
                while exponent > EXPONENT_MAX && (digits.is_empty() || digits.len() < DIGITS) {
                    exponent -= 1;
                    if !digits.is_empty() {
                        digits.push(0);
                    } else if exponent > EXPONENT_MAX {
                        exponent = EXPONENT_MAX;
                    }
                }
                if exponent > EXPONENT_MAX {
                    return Self::Infinite { negative }.pack();
                }
                let coefficient = digits.iter().fold(0_u128, |n, d| n * 10 + u128::from(*d));
                (u128::from(negative) << 127) | (((exponent + BIAS) as u128) << 113) | coefficient
            }
        };
        Decimal128::from_bytes(bits.to_le_bytes())
    }

    pub(super) fn from_i64(value: i64) -> Self {
        let digits = digits::of(u128::from(value.unsigned_abs()));
        Self::Finite { negative: value < 0, digits, exponent: 0 }
    }

    /// The nearest decimal with `precision` significant digits, as mongod mixes doubles in.
    pub(super) fn from_f64(value: f64, precision: usize) -> Self {
        if value.is_nan() {
            return Self::NaN;
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return Self::Infinite { negative };
        }
        if value == 0.0 {
            return Self::Finite { negative, digits: Vec::new(), exponent: 0 };
        }
        let text = format!("{:.*e}", precision - 1, value.abs());
        let (mantissa, exponent) = text.split_once('e').expect("written by the line above");
        let digits: Vec<u8> =
            mantissa.bytes().filter(u8::is_ascii_digit).map(|d| d - b'0').collect();
        let exponent: i32 = exponent.parse().expect("written by the line above");
        let mut exponent = exponent - (digits.len() as i32 - 1);
        let mut digits = digits;
        // Fifteen digits are shown as such; more than that only as far as they mean something.
        while precision > 15 && exponent < 0 && digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        Self::Finite { negative, digits, exponent }
    }

    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Self::NaN => f64::NAN,
            Self::Infinite { negative: false } => f64::INFINITY,
            Self::Infinite { negative: true } => f64::NEG_INFINITY,
            Self::Finite { negative, digits, exponent } => {
                let sign = if *negative { "-" } else { "" };
                let digits: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
                format!("{sign}0{digits}e{exponent}")
                    .parse()
                    .expect("digits and an exponent are a number")
            }
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Self::Finite { digits, .. } if digits.iter().all(|d| *d == 0))
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::NaN => false,
            Self::Infinite { negative } | Self::Finite { negative, .. } => *negative,
        }
    }

    /// The whole part, if the number has no other and fits.
    pub(super) fn to_i64_exact(&self) -> Option<i64> {
        let Self::Finite { negative, digits, exponent } = self else { return None };
        let mut digits = digits.clone();
        digits::trim(&mut digits);
        if digits.is_empty() {
            return Some(0);
        }
        let mut exponent = *exponent;
        while exponent < 0 && digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        if exponent < 0 || digits.len() + exponent as usize > 19 {
            return None;
        }
        digits.extend(std::iter::repeat_n(0, exponent as usize));
        let value = digits.iter().fold(0_i128, |n, d| n * 10 + i128::from(*d));
        i64::try_from(if *negative { -value } else { value }).ok()
    }

    /// Cuts the fraction off (toward zero).
    pub(super) fn truncate(self) -> Self {
        match self {
            Self::Finite { negative, mut digits, exponent } if exponent < 0 => {
                digits.truncate(digits.len().saturating_sub(exponent.unsigned_abs() as usize));
                Self::Finite { negative, digits, exponent: 0 }
            }
            other => other,
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::NaN => Self::NaN,
            Self::Infinite { negative } => Self::Infinite { negative: !negative },
            Self::Finite { negative, digits, exponent } => {
                Self::Finite { negative: !negative, digits, exponent }
            }
        }
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let (Self::Finite { negative: a_neg, .. }, Self::Finite { negative: b_neg, .. }) =
            (self, other)
        else {
            return match (self, other) {
                (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
                (Self::Infinite { negative: a }, Self::Infinite { negative: b }) if a != b => {
                    Self::NaN
                }
                (Self::Infinite { negative }, _) | (_, Self::Infinite { negative }) => {
                    Self::Infinite { negative: *negative }
                }
                _ => unreachable!("both are finite"),
            };
        };
        let (a, b, exponent) = align(self, other);
        if a_neg == b_neg {
            return Self::Finite { negative: *a_neg, digits: digits::add(&a, &b), exponent };
        }
        match a.cmp(&b) {
            Ordering::Less => {
                Self::Finite { negative: *b_neg, digits: digits::subtract(&b, &a), exponent }
            }
            Ordering::Equal => Self::Finite { negative: false, digits: Vec::new(), exponent },
            Ordering::Greater => {
                Self::Finite { negative: *a_neg, digits: digits::subtract(&a, &b), exponent }
            }
        }
    }

    pub(super) fn multiply(&self, other: &Self) -> Self {
        let negative = self.is_negative() != other.is_negative();
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            (Self::Infinite { .. }, x) | (x, Self::Infinite { .. }) => {
                if x.is_zero() {
                    Self::NaN
                } else {
                    Self::Infinite { negative }
                }
            }
            (
                Self::Finite { digits: a, exponent: x, .. },
                Self::Finite { digits: b, exponent: y, .. },
            ) => Self::Finite { negative, digits: digits::multiply(a, b), exponent: x + y },
        }
    }

    /// Long division to 34 digits and one to round by; an exact result keeps its short form.
    pub(super) fn divide(&self, other: &Self) -> Self {
        let negative = self.is_negative() != other.is_negative();
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            (Self::Infinite { .. }, Self::Infinite { .. }) => Self::NaN,
            (Self::Infinite { .. }, _) => Self::Infinite { negative },
            (Self::Finite { .. }, Self::Infinite { .. }) => {
                Self::Finite { negative, digits: Vec::new(), exponent: -BIAS }
            }
            (_, divisor) if divisor.is_zero() => {
                if self.is_zero() {
                    Self::NaN
                } else {
                    Self::Infinite { negative }
                }
            }
            (
                Self::Finite { digits: a, exponent: x, .. },
                Self::Finite { digits: b, exponent: y, .. },
            ) => {
                let (digits, shift) = digits::divide(a, b);
                let mut result = (digits, x - y - shift);
                while result.1 < x - y && result.0.last() == Some(&0) {
                    result.0.pop();
                    result.1 += 1;
                }
                Self::Finite { negative, digits: result.0, exponent: result.1 }
            }
        }
    }

    /// NaN is the least of all numbers, and equal to itself.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let class = |x: &Self| match x {
            Self::NaN => 0,
            Self::Infinite { negative: true } => 1,
            Self::Finite { .. } => 2,
            Self::Infinite { negative: false } => 3,
        };
        if class(self) != 2 || class(other) != 2 {
            return class(self).cmp(&class(other));
        }
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) if other.is_negative() => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if self.is_negative() => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        match (self.is_negative(), other.is_negative()) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (negative, _) => {
                let (a, b, _) = align(self, other);
                if negative { b.cmp(&a) } else { a.cmp(&b) }
            }
        }
    }
}

/// Both coefficients at the smaller exponent, padded to one length so that they compare as text.
fn align(a: &Decimal, b: &Decimal) -> (Vec<u8>, Vec<u8>, i32) {
    let (
        Decimal::Finite { digits: x, exponent: i, .. },
        Decimal::Finite { digits: y, exponent: j, .. },
    ) = (a, b)
    else {
        unreachable!("only finite numbers are aligned")
    };
    let exponent = *i.min(j);
    let extend = |digits: &[u8], by: i32| {
        let mut digits = digits.to_vec();
        if !digits.is_empty() {
            digits.extend(std::iter::repeat_n(0, by as usize));
        }
        digits
    };
    let (x, y) = (extend(x, i - exponent), extend(y, j - exponent));
    let length = x.len().max(y.len());
    let pad = |digits: Vec<u8>| {
        let mut padded = vec![0; length - digits.len()];
        padded.extend(digits);
        padded
    };
    (pad(x), pad(y), exponent)
}
