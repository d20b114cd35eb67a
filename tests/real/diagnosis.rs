//! What `diagnose` said about one target, taken out of its JSON.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::lab::{Place, text_at};
use crate::run::Output;

/// The answer for one target.
#[derive(Debug)]
pub struct Diagnosis {
    pub verdict: String,
    pub stage: String,
    /// The ids of the findings, the root cause first.
    pub rules: Vec<String>,
    pub output: Output,
}

impl Diagnosis {
    /// Runs `diagnose TARGET` as admin.
    pub fn of(place: &Place, target: &str) -> Self {
        Self::read(place.cert(&["diagnose", target, "-o", "json"]))
    }

    /// The same question as if this much time had gone by and nothing had moved.
    pub fn after(self, minutes: i64, place: &Place, target: &str) -> Self {
        let now: Timestamp = text_at(&self.output.json(), "/now").parse().unwrap();
        let later = (now + SignedDuration::from_mins(minutes)).to_string();
        Self::read(place.cert(&["diagnose", target, "-o", "json", "--now", &later]))
    }

    /// Reads the JSON of a diagnosis of one target.
    pub fn read(output: Output) -> Self {
        let document = output.json();
        let target = &document["targets"][0];
        let rules = target["findings"].as_array().into_iter().flatten();
        Self {
            verdict: text_at(target, "/verdict").to_owned(),
            stage: text_at(target, "/stage").to_owned(),
            rules: rules.map(|finding: &Value| text_at(finding, "/rule").to_owned()).collect(),
            output,
        }
    }

    /// Fails unless the target stands here, with the exit code that goes with it.
    #[track_caller]
    pub fn expect(self, verdict: &str, stage: &str) -> Self {
        assert_eq!((self.verdict.as_str(), self.stage.as_str()), (verdict, stage), "{}", self.output);
        let bad = i32::from(verdict == "failing");
        assert_eq!(self.output.code, bad, "{}", self.output);
        self
    }

    /// Fails unless nothing is known of the target.
    #[track_caller]
    pub fn because_nothing(self) {
        assert_eq!((self.verdict.as_str(), self.output.code, self.rules.len()), ("unknown", 2, 0), "{}", self.output);
    }

    /// Fails unless this rule speaks first.
    #[track_caller]
    pub fn because(self, rule: &str) -> Self {
        assert_eq!(self.rules.first().map(String::as_str), Some(rule), "{}", self.output);
        self
    }
}
