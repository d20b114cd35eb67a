//! Randomness that replays: everything random in a run follows from one seed.
//!
//! Good enough for names and UIDs of objects that exist nowhere; never used for keys.

/// A generator with a small state (`SplitMix64`, by Steele, Lea and Flood).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

/// The letters and digits of Kubernetes' generated names: no vowels, so that no words come out
/// (`k8s.io/apimachinery/pkg/util/rand`).
const SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Random {
    /// The same seed gives the same run.
    pub const fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// The five characters that the API server adds to a `generateName`.
    pub fn suffix(&mut self) -> String {
        let mut bits = self.next();
        let letter = |_| {
            let index = usize::try_from(bits % SUFFIX.len() as u64).unwrap_or_default();
            bits /= SUFFIX.len() as u64;
            char::from(SUFFIX[index])
        };
        (0..5).map(letter).collect()
    }

    /// A UUID of version 4 (RFC 9562 §5.4), as the API server gives to every object.
    pub fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            (low >> 48) & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let fresh = self.next().to_le_bytes();
            chunk.copy_from_slice(&fresh[..chunk.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays() {
        let draw = |seed| {
            let mut random = Random::seeded(seed);
            (random.uid(), random.suffix(), random.bytes::<9>(), random.below(10))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn uids_and_suffixes_have_their_forms() {
        let mut random = Random::seeded(1);
        for _ in 0..100 {
            let uid = random.uid();
            let parts: Vec<_> = uid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{uid}");
            assert!(uid.as_bytes()[14] == b'4' && b"89ab".contains(&uid.as_bytes()[19]), "{uid}");
            let suffix = random.suffix();
            assert!(suffix.len() == 5 && suffix.bytes().all(|byte| SUFFIX.contains(&byte)), "{suffix}");
        }
    }
}
