//! The API server refuses and accepts exactly what `firedrill validate` does.

use firedrill::{api::Experiment, cli::files::read};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
};

#[tokio::test]
async fn the_server_and_the_command_line_agree_on_every_document() {
    let client = crate::support::client().await;
    let (mut agreed, mut disagreements) = (0, Vec::new());
    for name in ["good.yaml", "bad.yaml"] {
        let path = format!("{}/tests/manifests/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for document in text.split("---\n").skip(1) {
            let ours = read(name, document).is_ok();
            match (ours, accepted(&client, document).await) {
                (true, Ok(())) | (false, Err(_)) => agreed += 1,
                (_, theirs) => disagreements.push(format!("{document}  server: {theirs:?}")),
            }
        }
    }
    println!("{agreed} documents agreed, {} disagreements", disagreements.len());
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(agreed >= 200);
}

/// Creates the document as a dry run, with unknown fields refused.
async fn accepted(client: &Client, document: &str) -> Result<(), String> {
    let json = document.lines().find(|line| !line.starts_with('#')).unwrap();
    let experiments: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "default", &ApiResource::erase::<Experiment>(&()));
    let uri = format!("{}?dryRun=All&fieldValidation=Strict", experiments.resource_url());
    let request = http::Request::post(uri).header("Content-Type", "application/json");
    let request = request.body(json.as_bytes().to_vec()).unwrap();
    match client.request::<serde_json::Value>(request).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
