//! Prints the kind, the issuer and the quirks of a provider from its URLs, without a request.
//!
//! `cargo run -p labgate-provider --example kind -- AUTH_URL TOKEN_URL`

use std::process::ExitCode;

use labgate_provider::{Field, UncheckedSettings};

fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let [auth_url, token_url] = match <[String; 2]>::try_from(urls) {
        Ok(urls) => urls,
        Err(_) => [
            "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            "https://oauth2.googleapis.com/token".to_owned(),
        ],
    };
    let settings = UncheckedSettings::default()
        .with(Field::Id, ["example"])
        .with(Field::Name, ["Example"])
        .with(Field::AuthUrl, [auth_url])
        .with(Field::TokenUrl, [token_url])
        .with(Field::ClientId, ["lab"])
        .with(Field::ClientSecret, ["not used"])
        .parse();
    match settings {
        Ok(settings) => {
            let issuer = settings.issuer().map_or("found by discovery", |issuer| issuer.as_str());
            println!("kind:   {}", settings.kind().name);
            println!("issuer: {issuer}");
            println!("quirks: {:#?}", settings.kind().quirks);
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for error in errors {
                println!("{:?}: {error}", error.field());
            }
            ExitCode::FAILURE
        }
    }
}
