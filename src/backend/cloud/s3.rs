//! `s3:`: Amazon's storage, and the many that speak as it does.
//!
//! Credentials are looked for as Amazon's own tools do: variables, the profile in `~/.aws`, a token of the web, the
//! container, the machine itself.

use super::address::Address;
use super::heed::Heed;
use super::{client_options, no_retries, over, profile, unusable};
use crate::backend::{Access, Backend};
use crate::error::{IoContext, Result};
use object_store::Certificate;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use std::ffi::OsStr;
use std::sync::Arc;

const OPTIONS: [&str; 3] = ["region", "profile", "style"];

fn address(rest: &OsStr) -> Result<Address> {
    Address::parse(rest, &OPTIONS, |_| 0)
}

/// Refuses what is no address of this scheme.
pub(in crate::backend) fn check(rest: &OsStr) -> Result<()> {
    address(rest).map(drop)
}

/// The medium at an address.
///
/// # Errors
/// INVALID_ARG; CONFIG_INVALID and CONFIG_MISSING of the files and variables that say who asks; PARSE_ERROR.
pub(in crate::backend) fn open(rest: &OsStr, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let address = address(rest)?;
    let profile = profile::find(access, address.option("profile"))?;
    let mut builder = AmazonS3Builder::new();
    for (name, value) in access.variables.beginning_with("AWS_") {
        match name.to_ascii_lowercase().parse::<Key>() {
            Ok(Key::Client(_) | Key::Bucket | Key::ConditionalPut | Key::Checksum) | Err(_) => {}
            Ok(key) => builder = builder.with_config(key, value),
        }
    }
    let said = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let has_key = said(&builder, Key::AccessKeyId) && said(&builder, Key::SecretAccessKey);
    if address.option("profile").is_some() || !has_key {
        builder = profile.give_credentials(builder)?;
    }
    if let Some(region) = &profile.region
        && !said(&builder, Key::Region)
        && !said(&builder, Key::DefaultRegion)
    {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &profile.endpoint
        && !said(&builder, Key::Endpoint)
        && !said(&builder, Key::S3Endpoint)
    {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = address.option("region") {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_config(Key::S3Endpoint, endpoint);
    }
    let endpoint = builder.get_config_value(&Key::S3Endpoint).or_else(|| builder.get_config_value(&Key::Endpoint));
    // A name with dots fits no certificate of `*.s3.amazonaws.com`; stores of other people often have one name only.
    let by_host = match address.option("style") {
        Some(style) => style == "host",
        None => endpoint.is_none() && !address.bucket.contains('.'),
    };
    if let (true, Some(endpoint)) = (by_host, &endpoint)
        && let Some((way, host)) = endpoint.split_once("://")
    {
        builder = builder.with_config(Key::S3Endpoint, format!("{way}://{}.{host}", address.bucket));
    }
    let is_clear = endpoint.is_some_and(|endpoint| endpoint.starts_with("http:"));
    let mut options = client_options(is_clear);
    if let (Some(bundle), false) = (access.variables.get("AWS_CA_BUNDLE"), is_clear) {
        let certificates = Certificate::from_pem_bundle(&std::fs::read(bundle).at("read", bundle)?);
        let certificates = certificates.map_err(|error| unusable("s3", &error))?;
        options = certificates.into_iter().fold(options, |options, one| options.with_root_certificate(one));
    }
    let store = builder
        .with_bucket_name(&address.bucket)
        .with_virtual_hosted_style_request(by_host)
        .with_disable_bulk_delete(true)
        .with_client_options(options)
        .with_http_connector(Heed::default())
        .with_retry(no_retries())
        .build()
        .map_err(|error| unusable("s3", &error))?;
    over(store, address.prefix, shown, access)
}
