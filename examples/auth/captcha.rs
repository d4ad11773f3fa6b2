//! The captcha: five characters as a crooked drawing, made of nothing but random bytes.
//!
//! Owns the alphabet, the drawing and the rule by which an answer is read (S035). Knows nothing of
//! cookies or requests: who keeps the answer, for how long and how often it may be tried is decided
//! by the handlers. The answer never stands in the SVG as text, only as strokes between noise.

use std::f32::consts::TAU;
use std::fmt::Write as _;

/// How many random bytes one captcha takes.
pub(crate) const SEED_LENGTH: usize = 32;

/// Each character and its strokes, points on a grid four wide and six high. Sixteen characters
/// of straight lines, chosen so that no two look alike when they lean.
const GLYPHS: [(char, Strokes); 16] = [
    ('A', &[&[(0, 6), (2, 0), (4, 6)], &[(1, 4), (3, 4)]]),
    ('E', &[&[(4, 0), (0, 0), (0, 6), (4, 6)], &[(0, 3), (3, 3)]]),
    ('F', &[&[(4, 0), (0, 0), (0, 6)], &[(0, 3), (3, 3)]]),
    ('H', &[&[(0, 0), (0, 6)], &[(4, 0), (4, 6)], &[(0, 3), (4, 3)]]),
    ('K', &[&[(0, 0), (0, 6)], &[(4, 0), (0, 3), (4, 6)]]),
    ('L', &[&[(0, 0), (0, 6), (4, 6)]]),
    ('M', &[&[(0, 6), (0, 0), (2, 3), (4, 0), (4, 6)]]),
    ('N', &[&[(0, 6), (0, 0), (4, 6), (4, 0)]]),
    ('T', &[&[(0, 0), (4, 0)], &[(2, 0), (2, 6)]]),
    ('V', &[&[(0, 0), (2, 6), (4, 0)]]),
    ('W', &[&[(0, 0), (1, 6), (2, 2), (3, 6), (4, 0)]]),
    ('X', &[&[(0, 0), (4, 6)], &[(4, 0), (0, 6)]]),
    ('Y', &[&[(0, 0), (2, 3), (4, 0)], &[(2, 3), (2, 6)]]),
    ('Z', &[&[(0, 0), (4, 0), (0, 6), (4, 6)]]),
    ('4', &[&[(3, 6), (3, 0), (0, 4), (4, 4)]]),
    ('P', &[&[(0, 6), (0, 0), (3, 0), (4, 1), (4, 2), (3, 3), (0, 3)]]),
];

/// Lines of points, column and row.
type Strokes = &'static [&'static [(u8, u8)]];

const LENGTH: usize = 5;
const WIDTH: f32 = 200.0;
const HEIGHT: f32 = 64.0;

/// A question and its answer.
#[derive(Debug)]
pub(crate) struct Captcha {
    /// What the visitor should type, as [`normalize`] leaves it.
    pub(crate) answer: String,
    /// The picture.
    pub(crate) svg: String,
}

/// Draws the captcha that these bytes stand for.
pub(crate) fn draw(seed: [u8; SEED_LENGTH]) -> Captcha {
    // The answer and the drawing use different bytes: who guesses one learns nothing of the other.
    let (letters, noise) = seed.split_at(LENGTH);
    let glyphs: Vec<_> = letters.iter().map(|byte| GLYPHS[usize::from(byte % 16)]).collect();
    let mut dice = Dice::new(noise);
    let warp = Warp::new(&mut dice);
    let mut strokes = Vec::new();
    for (index, (_, lines)) in glyphs.iter().enumerate() {
        let pose = Pose::new(index, &mut dice);
        strokes.extend(lines.iter().map(|line| warp.path(&pose.place(line), 3.4)));
    }
    strokes.extend((0..3).map(|_| warp.path(&scribble(&mut dice), 1.3)));
    dice.shuffle(&mut strokes);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\"><rect width=\"100%\" height=\"100%\" fill=\"#f7faf9\"/><g fill=\"none\" \
         stroke=\"#174b52\" stroke-linecap=\"round\" stroke-linejoin=\"round\">{}</g></svg>",
        strokes.concat()
    );
    Captcha { answer: glyphs.iter().map(|(character, _)| character).collect(), svg }
}

/// What a visitor typed, as it is compared: without spaces, in capitals. "k x 4" is "KX4".
pub(crate) fn normalize(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

type Point = (f32, f32);

/// Where one character stands and how it leans.
struct Pose {
    centre: Point,
    size: f32,
    turn: f32,
    lean: f32,
}

impl Pose {
    fn new(index: usize, dice: &mut Dice) -> Self {
        let slot = WIDTH / (LENGTH as f32 + 0.4);
        let x = (index as f32 + 0.7) * slot + dice.between(-3.5, 3.5);
        Self {
            centre: (x, HEIGHT / 2.0 + dice.between(-6.0, 6.0)),
            size: dice.between(4.4, 5.4),
            turn: dice.between(-0.2, 0.2),
            lean: dice.between(-0.14, 0.14),
        }
    }

    fn place(&self, line: &[(u8, u8)]) -> Vec<Point> {
        let (sin, cos) = self.turn.sin_cos();
        line.iter()
            .map(|&(column, row)| {
                let (x, y) = (f32::from(column) - 2.0, f32::from(row) - 3.0);
                let (x, y) = ((x - y * self.lean) * self.size, y * self.size);
                (self.centre.0 + x * cos - y * sin, self.centre.1 + x * sin + y * cos)
            })
            .collect()
    }
}

/// A wave across the whole picture, to keep the strokes company.
fn scribble(dice: &mut Dice) -> Vec<Point> {
    const STEPS: usize = 16;
    let (middle, height) = (dice.between(0.3, 0.7) * HEIGHT, dice.between(6.0, 16.0));
    let (phase, waves) = (dice.between(0.0, TAU), dice.between(1.0, 2.2));
    let point = |step| {
        let part = step as f32 / STEPS as f32;
        (WIDTH * part, middle + height * (phase + TAU * waves * part).sin())
    };
    (0..=STEPS).map(point).collect()
}

/// The same waves bend everything in the picture.
struct Warp {
    phases: Point,
    lengths: Point,
}

impl Warp {
    fn new(dice: &mut Dice) -> Self {
        let phases = (dice.between(0.0, TAU), dice.between(0.0, TAU));
        Self { phases, lengths: (dice.between(36.0, 60.0), dice.between(60.0, 100.0)) }
    }

    fn bend(&self, (x, y): Point) -> Point {
        let dx = 2.2 * (TAU * y / self.lengths.0 + self.phases.0).sin();
        let dy = 3.4 * (TAU * x / self.lengths.1 + self.phases.1).sin();
        (x + dx, y + dy)
    }

    /// A bent line as an SVG path, in steps short enough to look curved.
    fn path(&self, line: &[Point], thickness: f32) -> String {
        const STEPS: usize = 6;
        let mut data = String::new();
        for (index, pair) in line.windows(2).enumerate() {
            for step in usize::from(index > 0)..=STEPS {
                let part = step as f32 / STEPS as f32;
                let between = |from: f32, to: f32| from + (to - from) * part;
                let (x, y) = (between(pair[0].0, pair[1].0), between(pair[0].1, pair[1].1));
                let (x, y) = self.bend((x, y));
                let command = if data.is_empty() { 'M' } else { 'L' };
                write!(data, "{command}{x:.1} {y:.1}").expect("a String takes everything");
            }
        }
        format!("<path stroke-width=\"{thickness}\" d=\"{data}\"/>")
    }
}

/// Small random numbers out of few random bytes (xorshift). Not for secrets: only for the noise.
struct Dice {
    state: u64,
}

impl Dice {
    fn new(bytes: &[u8]) -> Self {
        let fold =
            |state: u64, &byte: &u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self { state: bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold) | 1 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        let part = (self.next() >> 40) as f32 / (1_u64 << 24) as f32;
        low + (high - low) * part
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}
