//! `az:`: Microsoft's blob storage.
//!
//! The account is in the address (`az:https://ACCOUNT.blob.core.windows.net/container`) or in the variables that
//! Microsoft's own tools read; so are the credentials, or the machine itself has them.

use super::address::Address;
use super::heed::Heed;
use super::{client_options, no_retries, over, unusable};
use crate::backend::{Access, Backend};
use crate::error::{Code, Error, Result};
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
use std::ffi::OsStr;
use std::sync::Arc;

const OPTIONS: [&str; 1] = ["account"];
/// Variables of Microsoft's tools that the library calls otherwise.
const OTHER_NAMES: [(&str, Key); 2] =
    [("AZURE_STORAGE_ACCOUNT", Key::AccountName), ("AZURE_STORAGE_KEY", Key::AccessKey)];
/// Parts of a connection string.
const PARTS: [(&str, Key); 4] = [
    ("AccountName", Key::AccountName),
    ("AccountKey", Key::AccessKey),
    ("SharedAccessSignature", Key::SasKey),
    ("BlobEndpoint", Key::Endpoint),
];

fn address(rest: &OsStr) -> Result<Address> {
    // A host without a name of its own has the account in the path.
    Address::parse(rest, &OPTIONS, |host| usize::from(account_of(host).is_none()))
}

/// `account.blob.core.windows.net` -> `account`.
fn account_of(host: &str) -> Option<&str> {
    host.split_once('.').filter(|(_, rest)| rest.starts_with("blob.")).map(|(account, _)| account)
}

/// The endpoint that a connection string means where it names none: that of the account in the cloud it is about.
fn endpoint_of(connection: &str) -> Option<String> {
    let part = |key: &str| {
        connection
            .split(';')
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let (suffix, account) = (part("EndpointSuffix")?, part("AccountName")?);
    let way = part("DefaultEndpointsProtocol").unwrap_or("https");
    part("BlobEndpoint").is_none().then(|| format!("{way}://{account}.blob.{suffix}"))
}

/// Refuses what is no address of this scheme.
pub(in crate::backend) fn check(rest: &OsStr) -> Result<()> {
    address(rest).map(drop)
}

/// The medium at an address.
///
/// # Errors
/// INVALID_ARG; CONFIG_INVALID and CONFIG_MISSING of the variables that say who asks.
pub(in crate::backend) fn open(rest: &OsStr, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let address = address(rest)?;
    let mut builder = MicrosoftAzureBuilder::new();
    let connection = access.variables.get("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default();
    builder = endpoint_of(connection).into_iter().fold(builder, |builder, endpoint| builder.with_endpoint(endpoint));
    for (name, value) in connection.split(';').filter_map(|part| part.split_once('=')) {
        if let Some((_, key)) = PARTS.iter().find(|(known, _)| *known == name) {
            builder = builder.with_config(*key, value);
        }
    }
    for (name, value) in access.variables.beginning_with("AZURE_") {
        let other = OTHER_NAMES.iter().find(|(known, _)| *known == name).map(|(_, key)| *key);
        match other.map_or_else(|| name.to_ascii_lowercase().parse::<Key>(), Ok) {
            Ok(Key::Client(_) | Key::ContainerName | Key::UseEmulator) | Err(_) => {}
            Ok(key) => builder = builder.with_config(key, value),
        }
    }
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
        let host = endpoint.split("//").nth(1).unwrap_or_default();
        let account = account_of(host).or_else(|| host.split_once('/').map(|(_, account)| account));
        builder = account.into_iter().fold(builder, |builder, account| builder.with_account(account));
    }
    if let Some(account) = address.option("account") {
        builder = builder.with_account(account);
    }
    if builder.get_config_value(&Key::AccountName).is_none() {
        return Err(Error::new(Code::ConfigMissing, format!("{shown} names no account of storage"))
            .with_hint("set AZURE_STORAGE_ACCOUNT, or say az:https://ACCOUNT.blob.core.windows.net/container"));
    }
    let is_clear = builder.get_config_value(&Key::Endpoint).is_some_and(|endpoint| endpoint.starts_with("http:"));
    let store = builder
        .with_container_name(&address.bucket)
        .with_client_options(client_options(is_clear))
        .with_http_connector(Heed::default())
        .with_retry(no_retries())
        .build()
        .map_err(|error| unusable("az", &error))?;
    over(store, address.prefix, shown, access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_says_which_cloud_it_is_about() {
        let usual = "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=x==;EndpointSuffix=core.chinacloudapi.cn";
        assert_eq!(endpoint_of(usual).as_deref(), Some("https://me.blob.core.chinacloudapi.cn"));
        assert_eq!(endpoint_of(&format!("BlobEndpoint=http://h/me;{usual}")), None);
        assert_eq!(endpoint_of("AccountName=me;AccountKey=x"), None);
    }
}
