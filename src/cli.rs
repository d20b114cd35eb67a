//! The words that a user types.
//!
//! Parses and nothing else: no defaults that depend on the world, no I/O.

pub mod connection;
pub mod selector;
pub mod target;

use std::net::IpAddr;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::redact::Redacted;
use crate::render::style::ColourChoice;
use connection::Connection;

/// Why is my cert-manager certificate not ready?
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, subcommand_required = false, arg_required_else_help = false)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,

    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, help_heading = "Output and time")]
    pub color: ColourChoice,

    /// Judge everything as of this time instead of now
    #[arg(long, global = true, value_name = "RFC3339", help_heading = "Output and time")]
    pub now: Option<jiff::Timestamp>,

    /// Tests: where addresses of the Internet are to be found on this machine
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub probe_map: Option<std::path::PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The parser under the name that the user called us by.
pub fn command(program: &str) -> clap::Command {
    Cli::command().bin_name(program.to_owned()).name(program.to_owned())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show certificates, or one certificate's whole chain
    Status(Box<StatusArgs>),
    /// Say why a certificate is not ready, or that nothing is wrong
    Diagnose(DiagnoseArgs),
    /// Ask the network one question, as the CA would; needs no cluster
    Probe(ProbeArgs),
    /// Explain a finding, or list all of them
    Explain(ExplainArgs),
    /// Play what cert-manager would do with manifests, offline
    DryRun(Box<DryRunArgs>),
    /// Start the renewal of certificates
    Renew(Box<RenewArgs>),
    /// Say when each certificate renews, by day, and which end before
    Forecast(ForecastArgs),
    /// Set what is issued, and what is planned, against the CA's rate limits
    Budget(BudgetArgs),
    /// Save what a diagnosis reads, without secrets, to be read with --from
    Collect(CollectArgs),
    /// Print the versions of this program and of cert-manager
    Version(VersionArgs),
}

/// Where objects come from.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// Read saved objects instead of a cluster: file, folder, .tar.gz, .zip or - (repeatable)
    #[arg(long, value_name = "PATH")]
    pub from: Vec<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of the command line")]
pub struct StatusArgs {
    /// Certificates by NAME or certificate/NAME; none lists all of the namespace
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    #[command(flatten)]
    pub source: SourceArgs,

    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,

    /// Only objects with these fields, such as spec.issuerRef.name=NAME
    #[arg(long, value_name = "SELECTOR")]
    pub field_selector: Option<String>,

    /// Only certificates of this issuer: NAME, issuer/NAME or clusterissuer/NAME
    #[arg(long, value_name = "ISSUER")]
    pub issuer: Option<String>,

    /// Only certificates that are not ready or whose last issuance failed
    #[arg(long)]
    pub failing: bool,

    /// Only certificates that expire within this time, such as 30d or 72h
    #[arg(long, value_name = "DURATION")]
    pub expires_within: Option<String>,

    /// Sort by a column (urgency, name, age, expires, renews, issuer, ready, stage) or a JSONPath field
    #[arg(long, value_name = "COLUMN")]
    pub sort_by: Option<String>,

    /// Leave out the line of column names
    #[arg(long)]
    pub no_headers: bool,

    /// Show the labels as the last column
    #[arg(long)]
    pub show_labels: bool,

    /// Show requests of former revisions too
    #[arg(long)]
    pub history: bool,

    /// Go on and print changes
    #[arg(short = 'w', long)]
    pub watch: bool,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: StatusOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusOutput {
    #[default]
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// NAME (a Certificate), TYPE/NAME, TYPE NAME..., TYPE for all of it, or a host as https://HOST or host/HOST; none
    /// means everything in the namespace
    #[expect(clippy::doc_markdown, reason = "it is read as help, where brackets would stand")]
    #[arg(value_name = "TYPE/NAME")]
    pub targets: Vec<String>,

    #[command(flatten)]
    pub source: SourceArgs,

    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// What to ask the network: auto (what the stage makes relevant), all, none, or a list such as http01,tls; with
    /// --from, auto asks nothing
    #[arg(long, value_name = "PROBES", default_value = "auto")]
    pub probe: String,

    /// Print which probes would be sent, and send none
    #[arg(long)]
    pub dry_run: bool,

    /// Exit with 1 from this severity on
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t)]
    pub fail_on: FailOn,

    /// Quote what cert-manager's Pods say of these objects in their logs; logs of saved files are quoted anyway
    #[arg(long, conflicts_with = "from")]
    pub logs: bool,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: DiagnoseOutput,

    #[command(flatten)]
    pub network: NetworkArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    #[default]
    Error,
    Warning,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiagnoseOutput {
    #[default]
    Text,
    Short,
    Wide,
    Json,
    Yaml,
    Junit,
    Markdown,
}

/// How the network is asked.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Connect to private addresses too (RFC 1918, unique local, carrier-grade NAT); never to loopback or metadata services
    #[arg(long)]
    pub allow_private: bool,

    /// The recursive resolver to ask instead of the system's
    #[arg(long, value_name = "IP[:PORT]")]
    pub resolver: Option<String>,
}

#[derive(Debug, Args)]
pub struct ProbeArgs {
    #[command(subcommand)]
    pub probe: ProbeCommand,
}

#[derive(Debug, Subcommand)]
pub enum ProbeCommand {
    /// Fetch the path of an HTTP-01 challenge at each address of a name
    Http01(Http01Args),
    /// Show and judge the certificates that a host serves, at each of its addresses
    Tls(TlsArgs),
}

#[derive(Debug, Args)]
pub struct Http01Args {
    /// A host name or address
    #[arg(value_name = "HOST")]
    pub target: String,

    /// What the path must answer with, TOKEN.THUMBPRINT; without it any token is asked for, and 404 is good
    #[arg(long, value_name = "KEY", value_parser = connection::secret())]
    pub key_authorization: Option<Redacted<String>>,

    /// The port to ask; a CA asks 80
    #[arg(long, value_name = "PORT", default_value_t = 80)]
    pub port: u16,

    #[command(flatten)]
    pub way: WayArgs,
}

#[derive(Debug, Args)]
pub struct TlsArgs {
    /// A host name or address
    #[arg(value_name = "HOST")]
    pub target: String,

    /// The port to ask
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    pub port: u16,

    #[command(flatten)]
    pub way: WayArgs,
}

/// How a probe goes to its host, and how it is told.
#[derive(Debug, Args)]
pub struct WayArgs {
    /// Go to this address, whatever the name resolves to
    #[arg(long, value_name = "IP")]
    pub connect_to: Option<IpAddr>,

    #[command(flatten)]
    pub network: NetworkArgs,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: ProbeOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProbeOutput {
    #[default]
    Text,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The id of a finding
    #[arg(value_name = "RULE-ID")]
    pub rule: Option<String>,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: ExplainOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainOutput {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of the command line")]
pub struct RenewArgs {
    /// Certificates by NAME or certificate/NAME
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Every Certificate of the namespace
    #[arg(long)]
    pub all: bool,

    /// Certificates with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,

    /// Say what would be done (client), or let the server check it without storing it (server)
    #[arg(long, value_enum, value_name = "MODE", default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: DryRun,

    /// Wait until the new certificate is stored, or its issuance has failed
    #[arg(long)]
    pub wait: bool,

    /// How long to wait, such as 5m; 0 checks once
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: String,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    #[default]
    None,
    Client,
    Server,
}

/// Which certificates a command is about, of which source, with which manifests laid over it.
#[derive(Clone, Debug, Default, Args)]
pub struct FleetArgs {
    #[command(flatten)]
    pub source: SourceArgs,

    /// Manifests as they would be applied: file, folder or - (repeatable); alone they are all there is
    #[arg(short = 'f', long, value_name = "PATH")]
    pub filename: Vec<String>,

    /// With -f: folders within folders too
    #[arg(short = 'R', long, requires = "filename")]
    pub recursive: bool,

    /// With -f: lay the manifests over what the cluster has
    #[arg(long, requires = "filename", conflicts_with = "from")]
    pub live: bool,

    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Only certificates with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,

    /// Only certificates of this issuer: NAME, issuer/NAME or clusterissuer/NAME
    #[arg(long, value_name = "ISSUER")]
    pub issuer: Option<String>,
}

#[derive(Debug, Args)]
pub struct ForecastArgs {
    #[command(flatten)]
    pub fleet: FleetArgs,

    /// How far to look ahead, such as 90d or 72h
    #[arg(long, value_name = "DURATION", default_value = "90d")]
    pub until: String,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: StatusOutput,
}

#[derive(Debug, Args)]
pub struct BudgetArgs {
    #[command(flatten)]
    pub fleet: FleetArgs,

    /// How far ahead issuances count as planned, such as 7d or 24h
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub until: String,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: BudgetOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BudgetOutput {
    #[default]
    Table,
    Wide,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub struct CollectArgs {
    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// The namespaces to read; may be given several times, or with commas between
    #[arg(id = "namespace", short, long, value_name = "NAME", action = clap::ArgAction::Append, value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// Where to write: FILE.tar.gz, or a folder
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<std::path::PathBuf>,

    /// The last lines of cert-manager's Pods too
    #[arg(long)]
    pub logs: bool,

    /// Replace names, hosts and addresses, equal ones by equal ones and with no way back
    #[arg(long)]
    pub redact: bool,

    /// How long it may take, such as 2m; what was not read by then is noted
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: String,
}

#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Only this program's version; asks no server
    #[arg(long)]
    pub client: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of the command line")]
pub struct DryRunArgs {
    /// Manifests as they would be applied: file, folder or - (repeatable)
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub filename: Vec<String>,

    /// Read the folders in the folders of -f too
    #[arg(short = 'R', long)]
    pub recursive: bool,

    /// A kustomization, built by kubectl or kustomize
    #[arg(short = 'k', long, value_name = "FOLDER")]
    pub kustomize: Option<String>,

    #[command(flatten)]
    pub source: SourceArgs,

    /// What the cluster holds exists already; it is read and never changed
    #[arg(long, conflicts_with = "from")]
    pub live: bool,

    /// With --live: all namespaces
    #[arg(short = 'A', long, requires = "live")]
    pub all_namespaces: bool,

    /// What the world around the cluster answers
    #[arg(long, value_name = "FILE")]
    pub world: Option<String>,

    /// Have this ACME server issue for real, whatever the issuers name: the URL of its directory
    #[arg(long, value_name = "URL", conflicts_with = "diff")]
    pub acme: Option<String>,

    /// Have this Vault sign for real, whatever the issuers name: its address
    #[arg(long, value_name = "URL", conflicts_with = "diff")]
    pub vault: Option<String>,

    /// With --acme or --vault: trust these certificates (PEM) in place of the issuers' and the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,

    /// How much time to play, such as 36h or 70d; less if nothing more will happen [default: 24h, with --acme or --vault 10m]
    #[arg(long, value_name = "DURATION")]
    pub until: Option<String>,

    /// Names and numbers that are random follow from it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// Show what the manifests change of what exists, and which certificates are issued anew because of it
    #[arg(long)]
    pub diff: bool,

    /// Show private keys in the objects of -o yaml and -o json
    #[arg(long)]
    pub show_private_key: bool,

    /// Output form
    #[arg(short = 'o', long, value_enum, value_name = "FORM", default_value_t)]
    pub output: DryRunOutput,
}

impl DryRunArgs {
    /// Whether something is asked of a real service.
    pub fn is_real(&self) -> bool {
        self.acme.is_some() || self.vault.is_some()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRunOutput {
    #[default]
    Text,
    Yaml,
    Json,
    Trace,
}
