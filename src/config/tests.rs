//! Whole files, and what is wrong with them.
#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;

const SAMPLE: &str = r#"
[tenant]
id = "contoso.onmicrosoft.com"
client_id = "0d7f"
client_secret = { env = "POSTROOM_CLIENT_SECRET" }

[graph]
base_url = "http://127.0.0.1:9000/v1.0"

[mailbox.invoices]
address = "invoices@contoso.com"
folders = ["Inbox", "Inbox/Scans"]
rules = "rules/invoices"
poll = "1s"
create_folders = true
allowed_folders = ["Processed/*"]
replies = { per_minute = 5, per_sender_per_day = 20 }
brake = { waiting = 200 }
time_zone = "UTC"

[endpoint.erp]
url = "https://erp.contoso.com/api/invoices"
auth = { bearer = { file = "erp.token" } }
idempotent = "24h"
timeout = "500ms"
read_only = true
lookup = "https://erp.contoso.com/api/keys/{key}"
allow = ["10.1.0.0/16"]

[endpoint.crm]
url = "http://[::1]:80/"
auth = { basic = { user = "postroom", password = { env = "CRM_PASSWORD" } } }

[state]
path = "data/postroom.db"

[web]
listen = "127.0.0.1:0"
public_url = "https://postroom.contoso.com"
"#;

const MINIMAL: &str = "[tenant]\nid = \"t\"\nclient_id = \"c\"\nclient_secret = { env = \"SET\" }\n";

fn environment(name: &str) -> Option<String> {
    matches!(name, "SET" | "POSTROOM_CLIENT_SECRET" | "CRM_PASSWORD").then(|| format!("value of {name}"))
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("rules/invoices")).unwrap();
    fs::write(dir.path().join("erp.token"), "t0ken\n").unwrap();
    dir
}

fn read(dir: &tempfile::TempDir, text: &str) -> Result<Config, Vec<String>> {
    let file = dir.path().join("postroom.toml");
    fs::write(&file, text).unwrap();
    Config::read(&file, &environment).map_err(|problems| shown(dir, &problems))
}

/// The problems with the folder's own name left out.
fn shown(dir: &tempfile::TempDir, problems: &[Problem]) -> Vec<String> {
    let prefix = format!("{}/", dir.path().display());
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

#[test]
fn a_whole_file_is_read_as_it_is_written() {
    let dir = folder();
    let config = read(&dir, SAMPLE).unwrap();
    let base = dir.path();
    let bearer = config.endpoints[&EndpointName::new("erp")].auth.clone();
    let Some(AuthSetting::Bearer(token)) = bearer else { panic!("a bearer token") };
    assert_eq!((token.reveal(), &token.source), (Some("t0ken"), &SecretSource::File(base.join("erp.token"))));
    let Some(AuthSetting::Basic { user, password }) = config.endpoints[&EndpointName::new("crm")].auth.clone() else {
        panic!("basic")
    };
    assert_eq!((user.as_str(), password.reveal()), ("postroom", Some("value of CRM_PASSWORD")));
    let CredentialSetting::Secret { secret, ends: None } = config.tenant.credential.clone() else { panic!("a client secret") };
    assert_eq!(secret.reveal(), Some("value of POSTROOM_CLIENT_SECRET"));
    let expected = Config {
        file: base.join("postroom.toml"),
        tenant: Tenant { id: "contoso.onmicrosoft.com".into(), client_id: "0d7f".into(), credential: secret.into() },
        graph: GraphAccess { base_url: "http://127.0.0.1:9000/v1.0".into(), ..GraphAccess::default() },
        mailboxes: BTreeMap::from([(
            MailboxName::new("invoices"),
            MailboxConfig {
                folders: vec!["Inbox".into(), "Inbox/Scans".into()],
                poll: Duration::from_secs(1),
                create_folders: true,
                allowed_folders: vec!["Processed/*".into()],
                replies: ReplyBudget { per_minute: 5, per_sender_per_day: 20, ..ReplyBudget::default() },
                brake: Some(BrakeSetting { waiting: 200, ..BrakeSetting::default() }),
                ..MailboxConfig::new("invoices@contoso.com", base.join("rules/invoices"))
            },
        )]),
        endpoints: BTreeMap::from([
            (
                EndpointName::new("crm"),
                EndpointConfig { auth: Some(AuthSetting::Basic { user, password }), ..EndpointConfig::new("http://[::1]:80/") },
            ),
            (
                EndpointName::new("erp"),
                EndpointConfig {
                    auth: Some(AuthSetting::Bearer(token)),
                    timeout: Duration::from_millis(500),
                    read_only: true,
                    idempotent: Some(Duration::from_hours(24)),
                    lookup: Some("https://erp.contoso.com/api/keys/{key}".into()),
                    allow: vec!["10.1.0.0/16".into()],
                    ..EndpointConfig::new("https://erp.contoso.com/api/invoices")
                },
            ),
        ]),
        state: base.join("data/postroom.db"),
        web: Web {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: Some("https://postroom.contoso.com".into()),
            ..Web::default()
        },
        warnings: Vec::new(),
    };
    assert_eq!(config, expected);
    assert_eq!(config.require_secrets(), Ok(()));
    assert!(!format!("{config:?}").contains("t0ken"));
}

#[test]
fn what_is_not_said_has_a_default() {
    let dir = folder();
    let config = read(&dir, MINIMAL).unwrap();
    assert_eq!((config.graph, config.web), (GraphAccess::default(), Web::default()));
    assert_eq!(config.state, dir.path().join("postroom.db"));
    let config = read(&dir, &format!("{MINIMAL}[mailbox.invoices]\naddress = \"invoices@contoso.com\"\n")).unwrap();
    let expected = MailboxConfig::new("invoices@contoso.com", dir.path().join("rules/invoices"));
    assert_eq!(config.mailboxes, BTreeMap::from([(MailboxName::new("invoices"), expected)]));
}

#[test]
fn every_problem_is_found_with_its_place() {
    let text = r#"
[tenant]
id = "contoso.onmicrosoft.com"
client_id = 7
client_secret = "hunter2"

[mailbox.invoices]
adress = "invoices@contoso.com"
poll = "often"
rules = "rules/nowhere"
time_zone = "Mars/Olympus"
replies = { per_minute = -1, hourly = 3 }

[endpoint."e r p"]
url = "http://erp.contoso.com"
auth = { bearer = { env = "A", file = "B" } }
allow = ["10.1/16"]

[wbe]
listen = "here"
"#;
    let expected = [
        "postroom.toml:4:13  `client_id` in [tenant] must be a string, not an integer",
        "postroom.toml:5:17  `client_secret` in [tenant] must be { env = \"NAME\" } or { file = \"PATH\" }; secrets are never written here",
        "postroom.toml:7:1  `address` is missing in [mailbox.invoices]",
        "postroom.toml:8:1  unknown key `adress` in [mailbox.invoices]; did you mean `address`?",
        "postroom.toml:9:8  `poll` in [mailbox.invoices]: `often` is no duration; write a number and ms, s, m, h or d: \"60s\"",
        "postroom.toml:10:9  the rules folder rules/nowhere is not there; create it or correct `rules`",
        "postroom.toml:11:13  `time_zone` in [mailbox.invoices]: `Mars/Olympus` is no time zone like Europe/Berlin",
        "postroom.toml:12:26  `per_minute` in [mailbox.invoices.replies] must be from 0 to 4294967295, not -1",
        "postroom.toml:12:30  unknown key `hourly` in [mailbox.invoices.replies]; known keys are per_minute, per_sender_per_day, per_conversation, per_domain_per_hour, per_rule_set_per_hour",
        "postroom.toml:14:1  `e r p` is no name: letters, digits, `-` and `_` only",
        "postroom.toml:15:7  `url` in [endpoint.e r p]: `http://erp.contoso.com` must be https; plain http is for loopback addresses only",
        "postroom.toml:16:19  `bearer` in [endpoint.e r p.auth] must hold either `env` or `file`",
        "postroom.toml:17:10  `10.1/16` is no network like 10.1.0.0/16",
        "postroom.toml:19:2  unknown key `wbe`; did you mean `web`?",
    ];
    let found = read(&folder(), text).unwrap_err();
    assert_eq!(found, expected);
}

#[test]
fn a_secret_that_is_not_set_is_a_warning_until_something_runs() {
    let dir = folder();
    let text = MINIMAL.replace("\"SET\"", "\"UNSET\"")
        + "[endpoint.erp]\nurl = \"https://erp.contoso.com\"\nauth = { bearer = { file = \"none\" } }\n";
    let config = read(&dir, &text).unwrap();
    let problem = "postroom.toml:4:17  warning: the environment variable UNSET is not set";
    assert_eq!(shown(&dir, &config.warnings)[0], problem);
    assert_eq!(config.warnings.len(), 2);
    let required = config.require_secrets().unwrap_err();
    let file = "postroom.toml:7:19  the secret's file none cannot be read: No such file or directory (os error 2)";
    assert_eq!(shown(&dir, &required), [problem.replace("warning: ", ""), file.to_owned()]);
}

fn tenant(dir: &tempfile::TempDir, lines: &str, environment: &[(&str, &str)]) -> Result<Tenant, Vec<String>> {
    let file = dir.path().join("postroom.toml");
    fs::write(&file, format!("[tenant]\nid = \"t\"\n{lines}\n")).unwrap();
    let look = |name: &str| environment.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    Config::read(&file, &look).map(|config| config.tenant).map_err(|problems| shown(dir, &problems))
}

#[test]
fn each_credential_is_read_as_it_is_written() {
    let dir = folder();
    fs::write(dir.path().join("app.pem"), "PEM").unwrap();
    let read = |lines: &str, environment: &[(&str, &str)]| {
        let tenant = tenant(&dir, lines, environment).unwrap();
        (tenant.client_id, tenant.credential)
    };
    let named = |credential| ("c".to_owned(), credential);
    let nobody = |credential| (String::new(), credential);
    let (_, secret) =
        read("client_id = \"c\"\nclient_secret = { env = \"S\" }\nclient_secret_ends = \"2027-01-31\"", &[("S", "s")]);
    let CredentialSetting::Secret { ends, .. } = secret else { panic!("a client secret") };
    assert_eq!(ends, Some(jiff::civil::date(2027, 1, 31)));
    let (_, certificate) = read("client_id = \"c\"\ncertificate = { file = \"app.pem\" }", &[]);
    let CredentialSetting::Certificate(pem) = certificate else { panic!("a certificate") };
    assert_eq!((pem.reveal(), &pem.source), (Some("PEM"), &SecretSource::File(dir.path().join("app.pem"))));
    let file = read("client_id = \"c\"\nworkload_identity = { file = \"token\" }", &[]);
    assert_eq!(file, named(CredentialSetting::Federated(dir.path().join("token"))));
    let file = read("client_id = \"c\"\nworkload_identity = true", &[("AZURE_FEDERATED_TOKEN_FILE", "/var/token")]);
    assert_eq!(file, named(CredentialSetting::Federated("/var/token".into())));
    let machine = |host: &str| CredentialSetting::ManagedIdentity(IdentitySetting::Machine(host.to_owned()));
    assert_eq!(read("managed_identity = true", &[]), nobody(machine("http://169.254.169.254")));
    let host = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9000")];
    assert_eq!(read("client_id = \"c\"\nmanaged_identity = true", &host), named(machine("http://127.0.0.1:9000")));
    let app = [("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token"), ("IDENTITY_HEADER", "h")];
    let (_, app) = read("managed_identity = true", &app);
    let CredentialSetting::ManagedIdentity(IdentitySetting::App { endpoint, header }) = app else { panic!("an app's identity") };
    assert_eq!((endpoint.as_str(), header.reveal()), ("http://127.0.0.1:41/msi/token", Some("h")));
}

#[test]
fn a_credential_that_cannot_be_used_says_what_to_write() {
    let dir = folder();
    fs::write(dir.path().join("app.pem"), "PEM").unwrap();
    let wrong = |lines: &str| tenant(&dir, lines, &[("S", "s")]).unwrap_err();
    assert_eq!(
        wrong("client_id = \"c\""),
        [
            "postroom.toml:1:1  `client_secret` is missing in [tenant]; write client_secret = { env = \"POSTROOM_CLIENT_SECRET\" }, or one of certificate, workload_identity and managed_identity"
        ]
    );
    assert_eq!(
        wrong("client_id = \"c\"\nmanaged_identity = true\nclient_secret = { env = \"S\" }"),
        ["postroom.toml:4:20  `client_secret` and `managed_identity` in [tenant] exclude each other; keep the one that is used"]
    );
    assert_eq!(
        wrong("certificate = { file = \"app.pem\" }\nclient_secret_ends = \"2027-01-31\""),
        [
            "postroom.toml:1:1  `client_id` is missing in [tenant]",
            "postroom.toml:4:22  `client_secret_ends` in [tenant] goes with `client_secret`; a certificate says itself when it ends",
        ]
    );
    assert_eq!(
        wrong("client_id = \"c\"\nworkload_identity = true"),
        [
            "postroom.toml:4:21  the environment variable AZURE_FEDERATED_TOKEN_FILE is not set; write workload_identity = { file = \"PATH\" }"
        ]
    );
    assert_eq!(
        wrong("client_id = \"c\"\nmanaged_identity = false"),
        ["postroom.toml:4:20  `managed_identity = false` in [tenant] says nothing; leave it out"]
    );
    assert_eq!(
        wrong("client_id = \"c\"\nclient_secret = { env = \"S\" }\nclient_secret_ends = \"soon\""),
        ["postroom.toml:5:22  `client_secret_ends` in [tenant]: `soon` is no day like 2027-01-31"]
    );
}

#[test]
fn a_cloud_brings_its_own_hosts_and_what_is_written_beside_it_counts_more() {
    let dir = folder();
    let graph = |lines: &str| read(&dir, &format!("{MINIMAL}[graph]\n{lines}\n")).map(|config| config.graph);
    let hosts = |name: &str| {
        let graph = graph(&format!("cloud = \"{name}\"")).unwrap();
        (graph.base_url, graph.login_url, graph.cloud.has_message_delta())
    };
    let expected = |base: &str, login: &str, delta| (base.to_owned(), login.to_owned(), delta);
    let global = expected("https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com", true);
    assert_eq!(hosts("global"), global);
    let china = expected("https://microsoftgraph.chinacloudapi.cn/v1.0", "https://login.chinacloudapi.cn", false);
    assert_eq!(hosts("china"), china);
    assert_eq!(hosts("usgov"), expected("https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us", true));
    assert_eq!(hosts("usgov-dod"), expected("https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us", true));
    let written = graph("cloud = \"china\"\nbase_url = \"http://127.0.0.1:9/v1.0\"").unwrap();
    assert_eq!(written, GraphAccess { base_url: "http://127.0.0.1:9/v1.0".into(), ..GraphAccess::of(Cloud::China) });
    let told = "postroom.toml:6:9  `cloud` in [graph]: `germany` is no cloud; there are `global`, `china`, `usgov`, `usgov-dod`";
    assert_eq!(graph("cloud = \"germany\"").unwrap_err(), [told]);
}

#[test]
fn an_endpoint_says_how_it_is_called() {
    let dir = folder();
    fs::write(dir.path().join("invoice.json"), "{}").unwrap();
    let text = format!(
        r#"{MINIMAL}[endpoint.erp]
url = "https://erp.contoso.com"
auth = {{ oauth2 = {{ token_url = "https://login.contoso.com/token", client_id = "postroom", client_secret = {{ env = "SET" }}, scope = "erp" }} }}
profile = "cloudevents"
event_type = "com.contoso.invoice"
sign = [{{ env = "SET" }}, {{ file = "erp.token" }}]
client_certificate = {{ file = "erp.token" }}
ca = {{ file = "erp.token" }}
schema = "invoice.json"
concurrent = 2
"#
    );
    let config = read(&dir, &text).unwrap();
    let endpoint = config.endpoints[&EndpointName::new("erp")].clone();
    let shown = |secret: &SecretSetting| secret.reveal().map(str::to_owned).unwrap_or_default();
    assert_eq!(endpoint.sign.iter().map(shown).collect::<Vec<_>>(), ["value of SET", "t0ken"]);
    assert_eq!([&endpoint.client_certificate, &endpoint.ca].map(|pem| shown(pem.as_ref().unwrap())), ["t0ken", "t0ken"]);
    let Some(AuthSetting::OAuth2 { client_secret, .. }) = endpoint.auth.clone() else { panic!("oauth2") };
    let expected = EndpointConfig {
        auth: Some(AuthSetting::OAuth2 {
            token_url: "https://login.contoso.com/token".into(),
            client_id: "postroom".into(),
            client_secret,
            scope: Some("erp".into()),
        }),
        profile: ProfileSetting::CloudEvents { event_type: "com.contoso.invoice".into() },
        sign: endpoint.sign.clone(),
        client_certificate: endpoint.client_certificate.clone(),
        ca: endpoint.ca.clone(),
        schema: Some(SchemaSetting { path: dir.path().join("invoice.json"), text: "{}".into() }),
        concurrent: 2,
        ..EndpointConfig::new("https://erp.contoso.com")
    };
    assert_eq!(endpoint, expected);
    let unset = text.replace("\"SET\"", "\"UNSET\"").replace("erp.token", "none");
    let missing = read(&dir, &unset).unwrap().require_secrets().unwrap_err();
    assert_eq!(missing.len(), 6);
}

#[test]
fn what_is_wrong_about_an_endpoint_is_named_with_its_place() {
    let text = format!(
        r#"{MINIMAL}[endpoint.erp]
url = "https://2130706433/"
auth = {{ oauth2 = {{ token_url = "http://login.contoso.com", client_id = "c" }} }}
profile = "cloudevent"
event_type = "t"
sign = []
schema = "schemas/none.json"
concurrent = 0
sgin = 1
[endpoint.crm]
url = "https://crm.contoso.com"
sign = ["whsec_abc"]
auth = {{}}
"#
    );
    let expected = [
        "postroom.toml:6:7  `url` in [endpoint.erp]: `https://2130706433/` leads to the host `127.0.0.1`, which is not what is written there; write `127.0.0.1`",
        "postroom.toml:7:19  `client_secret` is missing in [endpoint.erp.auth.oauth2]",
        "postroom.toml:7:33  `token_url` in [endpoint.erp.auth.oauth2]: `http://login.contoso.com` must be https; plain http is for loopback addresses only",
        "postroom.toml:8:11  `profile` in [endpoint.erp]: `cloudevent` is no profile; there are `standard` and `cloudevents`",
        "postroom.toml:9:14  `event_type` in [endpoint.erp] needs `profile = \"cloudevents\"`",
        "postroom.toml:10:8  `sign` in [endpoint.erp] must hold one secret or two: the new one and the one it replaces",
        "postroom.toml:11:10  the schema schemas/none.json cannot be read: No such file or directory (os error 2)",
        "postroom.toml:12:14  `concurrent` in [endpoint.erp] must be from 1 to 64, not 0",
        "postroom.toml:13:1  unknown key `sgin` in [endpoint.erp]; did you mean `sign`?",
        "postroom.toml:16:9  `sign` in [endpoint.crm] must be { env = \"NAME\" } or { file = \"PATH\" }; secrets are never written here",
        "postroom.toml:17:8  [endpoint.crm.auth] must hold one of `bearer`, `basic` and `oauth2`",
    ];
    assert_eq!(read(&folder(), &text).unwrap_err(), expected);
}

#[test]
fn one_mailbox_is_not_worked_twice() {
    let dir = folder();
    let text = format!(
        "{MINIMAL}[mailbox.a]\naddress = \"x@contoso.com\"\nrules = \"rules/invoices\"\n[mailbox.b]\naddress = \"X@contoso.com\"\nrules = \"rules/invoices\"\n"
    );
    let expected = "postroom.toml:9:11  [mailbox.a] and [mailbox.b] have the same address; a mailbox is worked once";
    assert_eq!(read(&dir, &text).unwrap_err(), [expected]);
}

#[test]
fn a_file_that_is_no_toml_or_not_there_says_so() {
    let dir = folder();
    let complaints = read(&dir, "[tenant\nid = \n").unwrap_err();
    assert!(complaints[0].starts_with("postroom.toml:1:"), "{complaints:?}");
    let missing = Config::read(&dir.path().join("none.toml"), &environment).unwrap_err();
    let expected = "none.toml:1:1  the configuration cannot be read: No such file or directory (os error 2)";
    assert_eq!(shown(&dir, &missing), [expected]);
    assert_eq!(
        read(&dir, "").unwrap_err(),
        ["postroom.toml:1:1  the table [tenant] is missing; it needs id, client_id and a credential such as client_secret"]
    );
}
