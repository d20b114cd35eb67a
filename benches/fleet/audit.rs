//! What the API server was asked, from its audit log.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::child::Program;

/// Silence of this long means that the log is complete.
const SILENCE: Duration = Duration::from_millis(250);
/// Waves through the relay stand at least a round trip apart; requests of one wave do not.
const BETWEEN_WAVES: i128 = 25_000_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    #[serde(default)]
    user_agent: String,
    request_received_timestamp: Timestamp,
}

/// The requests of one run.
#[derive(Debug)]
pub struct Asked {
    entries: Vec<Entry>,
}

impl Asked {
    /// Runs a program once and reads what it asked.
    pub fn by(program: &Program, args: &[&str], log: &Path) -> anyhow::Result<Self> {
        let from = std::fs::metadata(log)?.len();
        program.once(args)?;
        let text = settled(log, from)?;
        let agent = program.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut entries: Vec<Entry> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Entry>(line).ok())
            .filter(|entry| entry.user_agent.starts_with(&agent))
            .collect();
        entries.sort_by_key(|entry| entry.request_received_timestamp);
        Ok(Self { entries })
    }

    pub fn requests(&self) -> usize {
        self.entries.len()
    }

    /// Groups of requests with a pause before each; only meaningful through the relay.
    pub fn waves(&self) -> usize {
        let times = self.entries.iter().map(|entry| entry.request_received_timestamp.as_nanosecond());
        let later = times.clone().skip(1);
        usize::from(!self.entries.is_empty())
            + times.zip(later).filter(|(before, after)| after - before > BETWEEN_WAVES).count()
    }

    /// Lists of a kind of the chain that no selector narrows.
    pub fn full_lists(&self) -> Vec<&str> {
        const CHAIN: [&str; 4] = ["/certificates?", "/certificaterequests?", "/orders?", "/challenges?"];
        self.entries
            .iter()
            .filter(|entry| entry.verb == "list" && CHAIN.iter().any(|kind| entry.uri.contains(kind)))
            .filter(|entry| !entry.uri.contains("Selector="))
            .map(|entry| entry.uri.as_str())
            .collect()
    }
}

/// The log from an offset on, once nothing more is written to it.
fn settled(log: &Path, from: u64) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let mut size = 0;
        for _ in 0..40 {
            tokio::time::sleep(SILENCE).await;
            let now = std::fs::metadata(log)?.len();
            if now == size {
                break;
            }
            size = now;
        }
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    })
}
