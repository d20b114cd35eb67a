//! A budget for people: what would be refused, then each CA's buckets, the emptiest first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::style::Tint;
use super::table::relative;
use super::{Style, escape, prose};
use crate::budget::{Account, Budget, Identifiers, Key, Line, Refused, Staging};
use crate::duration::human;
use crate::objref::{Kind, ObjRef};
use crate::rule::Gap;

pub use super::forecast::Detail;

/// Buckets of one kind that are shown.
const SHOWN: usize = 8;
/// The widest name in the table: longer ones go on a line of their own, for a name that is cut cannot be pasted.
const NAME: usize = 30;

/// The whole budget as text.
pub fn text(budget: &Budget, manifests: &[String], unseen: &[Gap], detail: Detail, style: &Style) -> String {
    let mut out = String::new();
    let page = Page { budget, manifests, style, detail };
    page.answer(&mut out);
    for account in &budget.accounts {
        page.account(&mut out, account);
    }
    page.staging(&mut out);
    if budget.accounts.iter().any(|account| account.rules.is_some()) {
        out.push('\n');
        let words = "Counted from what was looked at. Deleted requests, other clusters and other people spend from the \
                     same limits, so less may be left.";
        prose::wrap(&mut out, words, 0, style.width);
    }
    for gap in unseen {
        let lead = style.tint(Tint::Warn, "Not seen: ");
        prose::hang(&mut out, &lead, &escape::line(&gap.why), 0, 10, style.width);
    }
    out
}

struct Page<'p> {
    budget: &'p Budget,
    /// The paths given with -f.
    manifests: &'p [String],
    style: &'p Style,
    detail: Detail,
}

impl Page<'_> {
    fn answer(&self, out: &mut String) {
        let budget = self.budget;
        let planned: usize = budget.accounts.iter().map(|account| account.planned).sum();
        let refused = budget.refused().count();
        let range = human(budget.until.duration_since(budget.now));
        let emptied = budget.accounts.iter().flat_map(|account| &account.lines).filter(|line| line.left == 0).count();
        let is_unknown = budget.accounts.iter().all(|account| limits(account).is_none());
        let verdict = if refused > 0 {
            let many = if refused == 1 { "is" } else { "are" };
            let of = issuances(planned);
            self.style.tint(Tint::Bad, &format!("{refused} of {of} in the next {range} {many} more than the CA allows"))
        } else if emptied > 0 {
            self.style.tint(Tint::Bad, &format!("{} used up now", counted(emptied, "limit is", "limits are")))
        } else if is_unknown {
            "No issuer here points at a CA whose limits are known".to_owned()
        } else if planned == 0 {
            self.style.tint(Tint::Good, "Nothing is planned that counts")
        } else {
            self.style.tint(Tint::Good, "Everything planned fits the CA's limits")
        };
        let mut words = format!("{verdict}.");
        if refused == 0 {
            let _ = write!(words, " In the next {range}: {} planned.", issuances(planned));
        }
        if budget.uncounted > 0 {
            let certificates = counted(budget.uncounted, "certificate", "certificates");
            let counts = if budget.uncounted == 1 { "counts" } else { "count" };
            let _ = write!(words, " {certificates} of other issuers {counts} against nothing here.");
        }
        prose::wrap(out, &words, 0, self.style.width);
    }

    fn account(&self, out: &mut String, account: &Account) {
        out.push('\n');
        let name = account.rules.map_or("A CA of your own", |rules| rules.name);
        let title = format!("{name} ({})", escape::line(&account.host));
        let _ = writeln!(out, "{}", self.style.tint(Tint::Strong, &title));
        let dated = match account.rules {
            Some(rules) if rules.limits.is_some() => format!("limits as of {}, {}", rules.as_of, rules.source),
            Some(rules) => format!("limits not known ({}, looked for {})", rules.source, rules.as_of),
            None => "limits not known".to_owned(),
        };
        let issued = format!("{} in the last 7 days", counted(account.issued, "certificate", "certificates"));
        let plan = match (account.planned, account.renewals) {
            (0, _) => "nothing planned".to_owned(),
            (planned, 0) => format!("{} planned, none a renewal", issuances(planned)),
            (planned, renewals) if planned == renewals => {
                let they = if planned == 1 { "a renewal" } else { "all renewals" };
                format!("{} planned, {they}", issuances(planned))
            }
            (planned, renewals) => format!("{} planned, {renewals} of them renewals", issuances(planned)),
        };
        let plan = match account.suggested {
            0 => plan,
            suggested => format!("{plan}, {suggested} by the CA's own suggestion"),
        };
        let issuers = match account.issuers.as_slice() {
            [] => String::new(),
            issuers => format!("; {}", issuers.iter().take(3).cloned().collect::<Vec<_>>().join(", ")),
        };
        prose::wrap(out, &escape::line(&format!("{dated}; {issued}; {plan}{issuers}.")), 2, self.style.width);
        self.lines(out, account);
        self.refused(out, account);
        for double in account.doubles.iter().take(SHOWN) {
            let certificates: Vec<String> = double.certificates.iter().map(name_of).collect();
            let words = format!(
                "{} order the same set ({}), and each issuance spends from the same five: one of them is enough, with its \
                 Secret copied.",
                certificates.join(" and "),
                set(&double.names)
            );
            prose::hang(out, "", &escape::line(&words), 2, 4, self.style.width);
        }
    }

    fn lines(&self, out: &mut String, account: &Account) {
        let mut rows = vec![["LIMIT", "OF", "LEFT", "NEXT", "PLANNED", "LOWEST"].map(str::to_owned).to_vec()];
        let mut hidden = 0;
        let mut shown: [usize; 4] = [0; 4];
        let mut tints = Vec::new();
        for line in &account.lines {
            let kind = order(&line.key);
            // A set that is issued once says nothing as long as there is room.
            let is_quiet = self.detail == Detail::Normal
                && matches!(line.key, Key::ExactSet(_))
                && line.lowest > 2
                && line.told.is_none();
            if is_quiet || (self.detail == Detail::Normal && shown[kind] == SHOWN) {
                hidden += 1;
                continue;
            }
            shown[kind] += 1;
            rows.push(self.row(line));
            tints.push(line.is_short());
        }
        if rows.len() > 1 {
            out.push('\n');
            for (index, text) in super::table::plain(rows).lines().enumerate() {
                let is_short = index.checked_sub(1).is_some_and(|index| tints[index]);
                let text = if is_short { self.style.tint(Tint::Bad, text) } else { text.to_owned() };
                let _ = writeln!(out, "  {text}");
            }
        }
        for line in account.lines.iter().filter(|line| line.told.is_some()) {
            let until = line.told.map_or_else(String::new, |until| until.strftime("%Y-%m-%d %H:%M UTC").to_string());
            let words = format!("The CA itself has said so of {}: nothing before {until}.", of(&line.key));
            prose::wrap(out, &escape::line(&words), 2, self.style.width);
        }
        for line in account.lines.iter().filter(|line| line.beyond > 0).take(SHOWN) {
            let words = format!(
                "{} {} more than the limit of {} allows: the CA makes an exception, or they were renewals.",
                line.beyond,
                if line.beyond == 1 { "was" } else { "were" },
                of(&line.key)
            );
            prose::wrap(out, &escape::line(&words), 2, self.style.width);
        }
        if hidden > 0 {
            let _ = writeln!(out, "  and {} with more room: -o wide has all", counted(hidden, "limit", "limits"));
        }
    }

    fn row(&self, line: &Line) -> Vec<String> {
        let planned = if line.refused > 0 {
            format!("{}, {} over", line.planned.max(line.refused), line.refused)
        } else {
            line.planned.to_string()
        };
        let next = match (line.done_by, line.next_free) {
            (Some(done), _) => format!("all by {}", short(done, self.budget.now)),
            (None, Some(next)) => format!("1 {}", relative(next, self.budget.now)),
            (None, None) => "full".to_owned(),
        };
        vec![
            word(&line.key).to_owned(),
            of(&line.key),
            format!("{}/{}", line.left, line.limit.burst),
            next,
            planned,
            line.lowest.to_string(),
        ]
    }

    fn refused(&self, out: &mut String, account: &Account) {
        if account.refused.is_empty() {
            return;
        }
        out.push('\n');
        let _ = writeln!(out, "  {}", self.style.tint(Tint::Strong, "Would be refused"));
        let mut by_key: BTreeMap<&Key, Vec<&Refused>> = BTreeMap::new();
        for refused in &account.refused {
            by_key.entry(&refused.key).or_default().push(refused);
        }
        for (key, refused) in by_key {
            prose::hang(out, "", &escape::line(&self.refusal(key, &refused)), 4, 6, self.style.width);
        }
        let advice = advice(account);
        for words in advice {
            prose::wrap(out, words, 2, self.style.width);
        }
    }

    fn refusal(&self, key: &Key, refused: &[&Refused]) -> String {
        let why = match key {
            Key::Domain(domain) => format!("too many certificates under {domain}"),
            Key::ExactSet(names) => format!("too many certificates for {}", set(names)),
            Key::NewOrders(account) => format!("too many new orders of {}", account_words(account)),
            Key::FailedAuthorizations(name, _) => format!("too many failed validations of {name}"),
        };
        let most = if self.detail == Detail::Wide { usize::MAX } else { SHOWN };
        let named: Vec<String> = refused.iter().take(most).map(|one| self.when(one)).collect();
        let rest = refused.len() - named.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("{why}: {}{more}", named.join(", "))
    }

    fn when(&self, refused: &Refused) -> String {
        let name = name_of(&refused.object);
        if refused.at <= self.budget.now { name } else { format!("{name} {}", relative(refused.at, self.budget.now)) }
    }

    fn staging(&self, out: &mut String) {
        let staging = &self.budget.staging;
        if staging.is_empty() {
            return;
        }
        out.push('\n');
        let _ = writeln!(out, "{}", self.style.tint(Tint::Strong, "Try it on staging first"));
        let words = "The staging environment has far wider limits of its own, and certificates that nobody trusts.";
        prose::wrap(out, words, 2, self.style.width);
        for advice in staging {
            if let Some(there) = &advice.there {
                let words = format!("{there} is there: name it in issuerRef in place of {}.", advice.issuer);
                prose::wrap(out, &escape::line(&words), 2, self.style.width);
            } else if let Some(command) = staging_command(advice, self.manifests) {
                let words = format!("This makes an issuer beside {}; name it in issuerRef:", advice.issuer);
                prose::wrap(out, &escape::line(&words), 2, self.style.width);
                // A command stays on one line, to be pasted.
                let _ = writeln!(out, "    {}", escape::line(&command));
            }
        }
    }
}

/// Makes a copy of the issuer that points at the staging environment.
///
/// `None` for a name that no API server takes: it would be part of what a shell runs.
pub fn staging_command(advice: &Staging, manifests: &[String]) -> Option<String> {
    let (kind, name) = (advice.issuer.kind.word(), &advice.issuer.name);
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if !is_plain(name) || !advice.issuer.namespace.as_deref().is_none_or(is_plain) {
        return None;
    }
    let place = advice.issuer.namespace.as_ref();
    let place = place.map_or_else(String::new, |space| format!(",namespace:\"{space}\""));
    let change = format!(
        ".metadata={{name:\"{name}-staging\"{place}}}|.spec.acme.server=\"{}\"|\
         .spec.acme.privateKeySecretRef.name=\"{name}-staging-account\"|del(.spec.acme.externalAccountBinding,.status)",
        advice.server
    );
    let read = if advice.exists || manifests.is_empty() {
        format!("kubectl get {}/{name}{} -o json", advice.issuer.kind.singular(), advice.issuer.namespace_flag())
    } else {
        let files: Vec<String> = manifests.iter().map(|path| format!("-f {}", quoted(path))).collect();
        format!("kubectl create --dry-run=client -o json {}", files.join(" "))
    };
    let pick = format!("(.items[]?,select(.items|not))|select(.kind==\"{kind}\" and .metadata.name==\"{name}\")");
    Some(format!("{read} | jq '{pick}|{change}' | kubectl apply -f -"))
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

fn advice(account: &Account) -> Vec<&'static str> {
    let has = |wanted: &str| account.refused.iter().any(|refused| refused.key.id() == wanted);
    let mut advice = Vec::new();
    if has("domain") {
        advice.push(
            "Fewer certificates: put names of one domain into one Certificate, or take a wildcard (DNS-01). Or apply them \
             in parts; cert-manager tries a refused one again after an hour, then later and later.",
        );
    }
    if has("exact-set") {
        advice.push(
            "The same names are issued again and again: keep the Secret, and use one Certificate for them. There is no \
             exception from this limit.",
        );
    }
    if has("failed-authorizations") {
        advice.push("Mend why the validation fails before anything else; each failed try counts again.");
    }
    if has("new-orders") {
        advice.push("Apply them in parts, some hours apart.");
    }
    advice
}

/// `4d3h`, or `now`.
fn short(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".to_owned() } else { human(at.duration_since(now)) }
}

fn word(key: &Key) -> &'static str {
    match key {
        Key::Domain(_) => "domain",
        Key::ExactSet(_) => "same names",
        Key::NewOrders(_) => "new orders",
        Key::FailedAuthorizations(..) => "failures",
    }
}

fn order(key: &Key) -> usize {
    match key {
        Key::Domain(_) => 0,
        Key::ExactSet(_) => 1,
        Key::NewOrders(_) => 2,
        Key::FailedAuthorizations(..) => 3,
    }
}

/// What a bucket is for, in few columns.
fn of(key: &Key) -> String {
    let text = match key {
        Key::Domain(domain) => domain.clone(),
        Key::ExactSet(names) => set(names),
        Key::NewOrders(account) => account_words(account),
        Key::FailedAuthorizations(name, _) => name.clone(),
    };
    escape::cell(&text)
}

/// The number of an account, which ends its address; where it has none yet, the issuer.
fn account_words(account: &str) -> String {
    let number = account.strip_prefix("https://").and_then(|rest| rest.rsplit('/').find(|part| !part.is_empty()));
    number.map_or_else(|| account.to_owned(), |number| format!("account {number}"))
}

/// The first name of a set and how many more; all where they are few and short.
fn set(names: &Identifiers) -> String {
    let all = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.chars().count() <= NAME {
        return all;
    }
    let first = names.iter().next().map(String::as_str).unwrap_or_default();
    if names.len() == 1 { first.to_owned() } else { format!("{first} +{}", names.len() - 1) }
}

fn name_of(object: &ObjRef) -> String {
    let namespace = object.namespace.as_deref().filter(|_| object.kind == Kind::Certificate);
    namespace.map_or_else(|| object.to_string(), |space| format!("{space}/{}", object.name))
}

fn limits(account: &Account) -> Option<&'static crate::public_ca::Limits> {
    account.rules.and_then(|rules| rules.limits.as_ref())
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn issuances(count: usize) -> String {
    counted(count, "issuance", "issuances")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(name: &str, exists: bool) -> Staging {
        let issuer = ObjRef::new(Kind::Issuer, Some("shop"), name);
        Staging { issuer, exists, server: "https://acme-staging.example/directory", there: None }
    }

    #[test]
    fn the_command_reads_the_issuer_where_it_is() {
        let there = staging_command(&advice("le", true), &["a.yaml".into()]).unwrap();
        assert!(there.starts_with("kubectl get issuer/le -n shop -o json | jq '"), "{there}");
        assert!(there.contains("{name:\"le-staging\",namespace:\"shop\"}"), "{there}");
        let planned = staging_command(&advice("le", false), &["a b.yaml".into(), "c.yaml".into()]).unwrap();
        assert!(
            planned.starts_with("kubectl create --dry-run=client -o json -f 'a b.yaml' -f c.yaml | jq '"),
            "{planned}"
        );
    }

    #[test]
    fn no_name_becomes_part_of_what_a_shell_runs() {
        assert_eq!(staging_command(&advice("le'; rm -rf ~; '", true), &[]), None);
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn an_account_is_named_by_its_number() {
        assert_eq!(account_words("https://acme-v02.api.letsencrypt.org/acme/acct/12345"), "account 12345");
        assert_eq!(account_words("ClusterIssuer le"), "ClusterIssuer le");
    }
}
