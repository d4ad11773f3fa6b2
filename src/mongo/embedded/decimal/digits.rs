//! Arithmetic on decimal digits, the way it is done on paper.
//!
//! Owns sums, products, quotients and rounding of numbers written as digits, the most significant
//! first. Knows nothing of signs and exponents beyond what rounding needs. Read next: `mod.rs`.

use std::cmp::Ordering;

use super::DIGITS;

pub(super) fn of(mut value: u128) -> Vec<u8> {
    let mut digits = Vec::new();
    while value > 0 {
        digits.push((value % 10) as u8);
        value /= 10;
    }
    digits.reverse();
    digits
}

pub(super) fn trim(digits: &mut Vec<u8>) {
    let zeros = digits.iter().take_while(|d| **d == 0).count();
    digits.drain(..zeros);
}

/// Drops the last `count` digits, rounding half to even.
pub(super) fn round_off(digits: &mut Vec<u8>, exponent: &mut i32, count: usize) {
    if count == 0 {
        return;
    }
    *exponent += count as i32;
    if count > digits.len() {
        digits.clear();
        return;
    }
    let rest = digits.split_off(digits.len() - count);
    let odd = digits.last().is_some_and(|d| d % 2 == 1);
    let up = match rest[0].cmp(&5) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => odd || rest[1..].iter().any(|d| *d != 0),
    };
    if up {
        *digits = add(digits, &[1]);
        if digits.len() > DIGITS {
            digits.pop(); // 999…9 became 1000…0: the last zero moves into the exponent
            *exponent += 1;
        }
    }
}

pub(super) fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    let (mut a, mut b) = (a.iter().rev(), b.iter().rev());
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() && carry == 0 {
            break;
        }
        let total = x.unwrap_or(&0) + y.unwrap_or(&0) + carry;
        sum.push(total % 10);
        carry = total / 10;
    }
    sum.reverse();
    sum
}

/// `a - b`, where both have one length and `a` is the larger.
pub(super) fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = a.to_vec();
    let mut borrow = 0;
    for (x, y) in difference.iter_mut().zip(b).rev() {
        let take = y + borrow;
        borrow = u8::from(*x < take);
        *x = *x + 10 * borrow - take;
    }
    trim(&mut difference);
    difference
}

pub(super) fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut product = vec![0_u32; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            product[i + j + 1] += u32::from(*x) * u32::from(*y);
        }
    }
    let mut carry = 0;
    let mut digits: Vec<u8> = product
        .iter()
        .rev()
        .map(|cell| {
            let total = cell + carry;
            carry = total / 10;
            (total % 10) as u8
        })
        .collect();
    digits.reverse();
    trim(&mut digits);
    digits
}

/// Quotient digits of `a × 10^shift / b`, enough for rounding; a remainder leaves a sticky one.
pub(super) fn divide(a: &[u8], b: &[u8]) -> (Vec<u8>, i32) {
    let mut quotient = Vec::new();
    let mut remainder: Vec<u8> = Vec::new();
    let mut divisor = b.to_vec();
    trim(&mut divisor);
    let mut shift = 0;
    let mut next = a.iter();
    loop {
        match next.next() {
            Some(digit) => remainder.push(*digit),
            None if remainder.iter().all(|d| *d == 0) => break,
            None if quotient.len() > DIGITS + 1 => {
                quotient.push(1); // sticky: not exactly half
                shift += 1;
                break;
            }
            None => {
                remainder.push(0);
                shift += 1;
            }
        }
        trim(&mut remainder);
        let mut digit = 0;
        while at_least(&remainder, &divisor) {
            let padded = [vec![0; remainder.len() - divisor.len()], divisor.clone()].concat();
            remainder = subtract(&remainder, &padded);
            digit += 1;
        }
        if digit > 0 || !quotient.is_empty() {
            quotient.push(digit);
        }
    }
    (quotient, shift)
}

fn at_least(a: &[u8], b: &[u8]) -> bool {
    a.len() > b.len() || (a.len() == b.len() && a >= b)
}
