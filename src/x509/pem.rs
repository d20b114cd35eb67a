//! PEM armour (RFC 7468), read as leniently as Go's `encoding/pem`, for which what is no block is skipped, and written
//! as that writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One block, whatever its label.
pub struct Block {
    pub label: String,
    pub der: Vec<u8>,
}

/// The blocks of a text, in order.
pub fn blocks(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.split(|byte| *byte == b'\n') {
        // What is not UTF-8 is neither armour nor base64.
        let line = std::str::from_utf8(line).map_or("\u{fffd}", str::trim_ascii_end);
        if let Some(label) = marker(line, "-----BEGIN ") {
            open = Some((label.to_owned(), String::new()));
        } else if let Some(label) = marker(line, "-----END ") {
            let closed = open.take().filter(|(begun, _)| begun == label);
            let decoded = closed.and_then(|(label, body)| Some(Block { label, der: STANDARD.decode(body).ok()? }));
            blocks.extend(decoded);
        } else if let Some((_, body)) = &mut open {
            // Headers of RFC 1421, such as `Proc-Type: 4,ENCRYPTED`.
            if !line.contains(':') {
                line.split_ascii_whitespace().for_each(|word| body.push_str(word));
            }
        }
    }
    blocks
}

/// One block: lines of 64 characters, and a line feed after the last.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn marker<'l>(line: &'l str, start: &str) -> Option<&'l str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, Vec<u8>)> {
        blocks(text.as_bytes()).into_iter().map(|block| (block.label, block.der)).collect()
    }

    #[test]
    fn blocks_are_found_between_other_text() {
        let text = "subject=CN = x\n-----BEGIN A-----\r\naGVs\r\nbG8=\r\n-----END A-----\nmore\n-----BEGIN B C-----\nH: 1\n\n\
                    AA==\n-----END B C-----";
        assert_eq!(labels(text), [("A".to_owned(), b"hello".to_vec()), ("B C".to_owned(), vec![0])]);
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0_u8, 1, 47, 48, 49, 96, 200] {
            let der: Vec<u8> = (0..length).collect();
            let text = encode("A B", &der);
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END A B-----\n"));
            assert_eq!(labels(&text), [("A B".to_owned(), der)]);
        }
        assert_eq!(encode("X", &[0]), "-----BEGIN X-----\nAA==\n-----END X-----\n");
    }

    #[test]
    fn broken_blocks_are_skipped() {
        for text in [
            "",
            "-----BEGIN A-----\nAA==\n",
            "-----BEGIN A-----\nAA==\n-----END B-----\n",
            "-----BEGIN A-----\n***\n-----END A-----\n",
            "-----END A-----\n",
        ] {
            assert_eq!(labels(text), [], "{text}");
        }
        let text = "-----BEGIN A-----\nAA==\n-----BEGIN B-----\nAA==\n-----END B-----\n";
        assert_eq!(labels(text), [("B".to_owned(), vec![0])]);
    }
}
