//! The demo's captcha, from outside: answers that can be read and typed, pictures that do not tell.
//!
//! Covers the drawing and the reading of answers (S033, S035, S036). That an answer is kept secret
//! and used once is the handlers' business and tested with them.

#[path = "../examples/auth/captcha.rs"]
mod captcha;

use captcha::{Captcha, SEED_LENGTH, draw, normalize};

fn seed(number: u32) -> [u8; SEED_LENGTH] {
    let mut state = number;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
}

#[test]
fn the_answer_is_five_unambiguous_characters() {
    for number in 0..500 {
        let Captcha { answer, .. } = draw(seed(number));
        assert_eq!(answer.len(), 5);
        assert!(answer.chars().all(|c| "AEFHKLMNPTVWXYZ4".contains(c)), "{answer}");
        assert_eq!(normalize(&answer), answer);
    }
}

#[test]
fn s033_the_picture_does_not_spell_the_answer() {
    for number in 0..500 {
        let Captcha { answer, svg } = draw(seed(number));
        assert!(!svg.to_uppercase().contains(&answer), "{answer} is in {svg}");
        assert!(!svg.contains("<text"));
    }
}

#[test]
fn s036_the_picture_is_an_svg_inside_its_frame() {
    for number in 0..500 {
        let Captcha { svg, .. } = draw(seed(number));
        assert!(
            svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>")
        );
        let lines = svg.split(" d=\"").skip(1).map(|rest| rest.split('"').next().expect("a line"));
        let points = lines.flat_map(|line| line.split(['M', 'L']).skip(1));
        let inside = |text: &str, size: f32| {
            text.parse::<f32>().is_ok_and(|value| (-4.0..size + 4.0).contains(&value))
        };
        let outside = points
            .map(|point| point.split_once(' ').expect("x and y"))
            .find(|(x, y)| !(inside(x, 200.0) && inside(y, 64.0)));
        assert_eq!(outside, None, "{number}: {svg}");
    }
}

#[test]
fn the_same_bytes_draw_the_same_picture_and_others_another() {
    assert_eq!(draw(seed(1)).svg, draw(seed(1)).svg);
    let mut other_noise = seed(1);
    other_noise[SEED_LENGTH - 1] ^= 1;
    assert_eq!(draw(other_noise).answer, draw(seed(1)).answer);
    assert_ne!(draw(other_noise).svg, draw(seed(1)).svg);
}

#[test]
fn every_character_is_drawn_sooner_or_later() {
    let mut seen: Vec<char> =
        (0..200).flat_map(|n| draw(seed(n)).answer.chars().collect::<Vec<_>>()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 16);
}

#[test]
fn s035_spaces_and_case_do_not_matter() {
    for (typed, read) in [("a b c d", "ABCD"), ("abcd", "ABCD"), (" kX4\tp ", "KX4P"), ("", "")] {
        assert_eq!(normalize(typed), read);
    }
}
