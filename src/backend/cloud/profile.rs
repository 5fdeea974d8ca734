//! The files of Amazon's tools: `~/.aws/credentials` and `~/.aws/config`.
//!
//! Of a profile, keys, region, endpoint and `credential_process` are understood. Whoever logs in by SSO or takes a role
//! in a profile is told of the command that makes such credentials plain.

use crate::backend::Access;
use crate::clock;
use crate::error::{Code, Error, IoContext, Result, fail};
use futures_util::lock::Mutex;
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Command;

/// Credentials that a program gave are asked for anew after this time, seconds, or when they are about to end.
const FRESH_SECONDS: i64 = 600;
/// A request that begins with credentials may take so long, seconds.
const LAST_SECONDS: i64 = 60;

/// What the files say of one profile.
#[derive(Default)]
pub(super) struct Profile {
    name: String,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    settings: BTreeMap<String, String>,
    hidden_variables: Vec<String>,
}

/// Reads a profile: the named one, or that of `AWS_PROFILE`, or `default`, which need not be there.
///
/// # Errors
/// CONFIG_MISSING when a profile that was named is in neither file; FILE_IO, PERMISSION_DENIED.
pub(super) fn find(access: &Access, named: Option<&str>) -> Result<Profile> {
    let variables = &access.variables;
    let named = named.or_else(|| variables.get("AWS_PROFILE"));
    let name = named.unwrap_or("default");
    let home = variables.get("HOME").map(|home| Path::new(home).join(".aws"));
    let file = |variable: &str, usual: &str| {
        variables.get(variable).map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(usual)))
    };
    let config = match file("AWS_CONFIG_FILE", "config") {
        Some(path) => section(&read(&path)?, &[name, &format!("profile {name}")]),
        None => None,
    };
    let keys = match file("AWS_SHARED_CREDENTIALS_FILE", "credentials") {
        Some(path) => section(&read(&path)?, &[name]),
        None => None,
    };
    if named.is_some() && config.is_none() && keys.is_none() {
        return fail(Code::ConfigMissing, format!("there is no profile `{}` in ~/.aws", name.escape_debug()));
    }
    let mut settings = config.unwrap_or_default();
    settings.extend(keys.unwrap_or_default());
    let of = |key: &str| settings.get(key).cloned();
    Ok(Profile {
        name: name.to_string(),
        region: of("region"),
        endpoint: of("endpoint_url"),
        settings,
        hidden_variables: access.hidden_variables.clone(),
    })
}

impl Profile {
    /// Gives a builder who asks, if the profile knows.
    ///
    /// # Errors
    /// CONFIG_INVALID when it knows it in a way that is not understood.
    pub fn give_credentials(&self, builder: AmazonS3Builder) -> Result<AmazonS3Builder> {
        let of = |key: &str| self.settings.get(key);
        if let (Some(id), Some(secret)) = (of("aws_access_key_id"), of("aws_secret_access_key")) {
            let credential = AwsCredential {
                key_id: id.clone(),
                secret_key: secret.clone(),
                token: of("aws_session_token").cloned(),
            };
            return Ok(builder.with_credentials(Arc::new(object_store::StaticCredentialProvider::new(credential))));
        }
        if let Some(command) = of("credential_process") {
            let process = Process {
                command: command.clone(),
                hidden_variables: self.hidden_variables.clone(),
                last: Mutex::default(),
            };
            return Ok(builder.with_credentials(Arc::new(process)));
        }
        if ["sso_session", "sso_start_url", "role_arn"].iter().any(|key| of(key).is_some()) {
            let name = &self.name;
            return Err(Error::new(Code::ConfigInvalid, format!("the profile `{name}` logs in by SSO or takes a role"))
                .with_hint(format!(
                    "`eval \"$(aws configure export-credentials --profile {name} --format env)\"` makes variables of it; a profile with credential_process works too"
                )));
        }
        Ok(builder)
    }
}

fn read(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        answer => answer.at("read", path),
    }
}

/// The settings of a section with one of these names. Settings within settings, which are indented, are passed over.
fn section(text: &str, names: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut is_inside = false;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.split_once(']')).map(|(name, _)| name) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ").replace('"', "");
            is_inside = names.contains(&name.as_str());
            if is_inside {
                found.get_or_insert_default();
            }
            continue;
        }
        let is_plain = !line.starts_with(|c: char| c.is_whitespace() || "#;".contains(c));
        if let (true, true, Some((key, value)), Some(found)) = (is_inside, is_plain, line.split_once('='), &mut found) {
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_string());
        }
    }
    found
}

/// Credentials that a program gives.
struct Process {
    command: String,
    hidden_variables: Vec<String>,
    /// What was given last, and until when it is good, in seconds of the epoch.
    last: Mutex<Option<(i64, Arc<AwsCredential>)>>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Process")
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Given {
    /// Until when they may be kept, in seconds of the epoch. An end that cannot be read is none.
    fn good_until(&self, now: i64) -> i64 {
        let end = self.expiration.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        end.map_or(i64::MAX, |end| end.as_second() - LAST_SECONDS).min(now + FRESH_SECONDS)
    }
}

impl Process {
    /// A program that waits for somebody, to type a number or so, ends when nobody waits for it any more.
    async fn ask(&self) -> std::result::Result<(i64, AwsCredential), &'static str> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        self.hidden_variables.iter().for_each(|name| _ = command.env_remove(name));
        let output = command.output().await.map_err(|_| "it could not be started")?;
        if !output.status.success() {
            return Err("it failed");
        }
        let given: Given = serde_json::from_slice(&output.stdout).map_err(|_| "it did not say what it should")?;
        let until = given.good_until(clock::now().seconds);
        let credential = AwsCredential {
            key_id: given.access_key_id,
            secret_key: given.secret_access_key,
            token: given.session_token,
        };
        Ok((until, credential))
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Process {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        if let Some((until, credential)) = last.as_ref()
            && clock::now().seconds < *until
        {
            return Ok(credential.clone());
        }
        let (until, credential) = self.ask().await.map_err(|why| object_store::Error::Unauthenticated {
            path: String::new(),
            source: format!("credential_process: {why}").into(),
        })?;
        let credential = Arc::new(credential);
        *last = Some((until, credential.clone()));
        Ok(credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Variables;

    #[test]
    fn sections_are_found_by_their_names() {
        let text = "# x\n[default]\nregion=eu-1\n[profile work]\nregion = us-2 \ns3 =\n  region = wrong\n; region = x\n[other]\nregion=z\n";
        let region = |names: &[&str]| section(text, names).and_then(|found| found.get("region").cloned());
        assert_eq!(region(&["default"]).as_deref(), Some("eu-1"));
        assert_eq!(region(&["work", "profile work"]).as_deref(), Some("us-2"));
        assert_eq!(region(&["none"]), None);
    }

    #[test]
    fn what_a_program_gave_is_kept_while_it_is_good() {
        let until = |expiration: &str| {
            let text = format!(r#"{{"AccessKeyId":"a","SecretAccessKey":"b","Expiration":{expiration}}}"#);
            serde_json::from_str::<Given>(&text).unwrap().good_until(1_000)
        };
        assert_eq!(until("null"), 1_000 + FRESH_SECONDS);
        assert_eq!(until("\"2026-11-21T10:00:00Z\""), 1_000 + FRESH_SECONDS);
        assert_eq!(until("\"1970-01-01T00:20:00+00:00\""), 1_200 - LAST_SECONDS);
        assert_eq!(until("\"soon\""), 1_000 + FRESH_SECONDS);
    }

    #[test]
    fn profiles_of_both_files_are_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        let home = dir.path().to_str().unwrap();
        std::fs::write(dir.path().join(".aws/config"), "[profile work]\nregion = eu-1\nendpoint_url = http://h:1\n")
            .unwrap();
        std::fs::write(
            dir.path().join(".aws/credentials"),
            "[work]\naws_access_key_id = id\naws_secret_access_key = hush\n",
        )
        .unwrap();
        let variables: Variables = [("HOME", home), ("AWS_PROFILE", "work")].into_iter().collect();
        let access = Access { variables, ..Access::default() };
        let profile = find(&access, None).unwrap();
        assert_eq!((profile.region.as_deref(), profile.endpoint.as_deref()), (Some("eu-1"), Some("http://h:1")));
        assert_eq!(profile.settings.get("aws_access_key_id").map(String::as_str), Some("id"));
        assert_eq!(find(&access, Some("none")).err().unwrap().code(), Code::ConfigMissing);
        assert!(!format!("{access:?}").contains("work"));
    }
}
