//! The words that secrets cannot do without, each with what must follow it, and what every pair of bytes means to the
//! sieve that looks for them.

/// A pair of digits, or of a digit and a separator.
pub const DIGITS: u8 = 1;
/// A pair with an `@`.
pub const SIGN: u8 = 64;
/// The first pair of a word; the others follow.
pub const WORD: u8 = 65;

/// What must follow a word.
#[derive(Clone, Copy)]
pub enum Then {
    /// Nothing: it is a key whose value is a secret.
    Any,
    /// So many bytes of a credential.
    Credential(usize),
    /// So many bytes of a key.
    Key(usize),
    /// A credential with two dots in it.
    Dots,
}

/// A word that a secret cannot do without.
pub struct Word {
    /// In lower case where the case does not matter.
    pub text: &'static [u8],
    pub any_case: bool,
    /// Where the two pairs begin that are looked for: one at an even place, one at an odd one.
    rare: [usize; 2],
    pub then: Then,
}

impl Word {
    pub fn is(&self, bytes: &[u8]) -> bool {
        if self.any_case { self.text.eq_ignore_ascii_case(bytes) } else { self.text == bytes }
    }
}

const fn key(text: &'static str, rare: [usize; 2]) -> Word {
    Word { text: text.as_bytes(), any_case: true, rare, then: Then::Any }
}

const fn scheme(text: &'static str, rare: [usize; 2]) -> Word {
    Word { text: text.as_bytes(), any_case: true, rare, then: Then::Credential(6) }
}

const fn shape(text: &'static str, rare: [usize; 2], least: usize) -> Word {
    Word { text: text.as_bytes(), any_case: false, rare, then: Then::Key(least) }
}

/// All of them: of keys whose value is a secret whatever it looks like, of credentials, of keys that say what they are.
pub static WORDS: [Word; 22] = [
    key("authorization", [6, 7]),
    key("password", [3, 4]),
    key("passwd", [3, 4]),
    key("secret", [1, 2]),
    key("token", [1, 2]),
    key("cookie", [2, 3]),
    key("api_key", [2, 3]),
    key("api-key", [2, 3]),
    key("apikey", [2, 3]),
    key("private_key", [7, 8]),
    key("credential", [0, 7]),
    key("session_id", [6, 7]),
    scheme("bearer ", [0, 5]),
    scheme("basic ", [1, 4]),
    Word { text: b"eyJ", any_case: false, rare: [0, 1], then: Then::Dots },
    shape("AKIA", [0, 1], 16),
    shape("ghp_", [0, 1], 20),
    shape("github_pat_", [5, 6], 20),
    shape("glpat-", [0, 1], 16),
    shape("sk_live_", [0, 1], 16),
    shape("sk-", [0, 1], 24),
    shape("xoxb-", [0, 1], 16),
];

/// A pair that is looked for, of a word of [`WORDS`].
#[derive(Clone, Copy)]
pub struct Rare {
    pub word: u8,
    /// Where it stands in the word.
    pub at: u8,
    /// The next one of the same letters; behind the last of [`RARES`] where there is none.
    pub next: u8,
}

/// Pairs that are looked for: two of each word.
const RARE: usize = 2 * WORDS.len();

pub static RARES: [Rare; RARE] = {
    let mut rares = [Rare { word: 0, at: 0, next: RARE as u8 }; RARE];
    let mut n = RARE;
    while n > 0 {
        n -= 1;
        rares[n].word = (n / 2) as u8;
        rares[n].at = WORDS[n / 2].rare[n % 2] as u8;
        let mut later = RARE - 1;
        while later > n {
            if same_letters(letters(n), letters(later)) {
                rares[n].next = later as u8;
            }
            later -= 1;
        }
    }
    rares
};

/// The pair of number `n` of [`RARES`].
const fn letters(n: usize) -> [u8; 2] {
    let Word { text, rare, .. } = WORDS[n / 2];
    assert!(
        rare[0] % 2 != rare[1] % 2,
        "one of them lies at an even place of whatever holds the word"
    );
    [text[rare[n % 2]], text[rare[n % 2] + 1]]
}

const fn same_letters(a: [u8; 2], b: [u8; 2]) -> bool {
    a[0].eq_ignore_ascii_case(&b[0]) && a[1].eq_ignore_ascii_case(&b[1])
}

/// What pairs are, by their bytes, the first one low: 0 = nothing; [`DIGITS`]; [`SIGN`]; from [`WORD`] on the
/// first of [`RARES`] that has this pair.
static PAIRS: [u8; 1 << 16] = pairs();

const fn place(first: u8, second: u8) -> usize {
    (second as usize) << 8 | first as usize
}

const fn pairs() -> [u8; 1 << 16] {
    let mut table = [0; 1 << 16];
    let mut n = RARE;
    while n > 0 {
        n -= 1;
        let [a, b] = letters(n);
        table[place(a, b)] = WORD + n as u8;
        if WORDS[n / 2].any_case {
            let (upper_a, upper_b) = (a.to_ascii_uppercase(), b.to_ascii_uppercase());
            table[place(upper_a, b)] = WORD + n as u8;
            table[place(a, upper_b)] = WORD + n as u8;
            table[place(upper_a, upper_b)] = WORD + n as u8;
        }
    }
    let mut digit = b'0';
    while digit <= b'9' {
        let mut other = b'0';
        while other <= b'9' {
            table[place(digit, other)] = DIGITS;
            other += 1;
        }
        table[place(digit, b' ')] = DIGITS;
        table[place(digit, b'-')] = DIGITS;
        table[place(b' ', digit)] = DIGITS;
        table[place(b'-', digit)] = DIGITS;
        digit += 1;
    }
    let mut b = 0;
    while b < 256 {
        table[place(b as u8, b'@')] = SIGN;
        table[place(b'@', b as u8)] = SIGN;
        b += 1;
    }
    table
}

/// What a pair of bytes is.
#[inline]
pub fn what(pair: [u8; 2]) -> u8 {
    PAIRS[usize::from(u16::from_le_bytes(pair))]
}
