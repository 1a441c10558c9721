use super::*;

async fn ask(simulator: &Simulator, directory: &str, form: &str) -> (u16, Value) {
    let url = format!("{}/{directory}/oauth2/v2.0/token", simulator.base_url());
    let reply = client().post(url).body(form.to_owned()).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

#[tokio::test]
async fn each_wrong_token_request_gets_its_own_number() {
    let options = Options { client: Some(("app".into(), "secret".into())), ..options() };
    let simulator = Simulator::start(options).await.unwrap();
    let scope = "scope=https://graph.microsoft.com/.default";
    for (directory, form, wanted) in [
        (
            "contoso",
            format!("grant_type=client_credentials&client_id=app&client_secret=secret&{scope}"),
            (200, Value::Null, Value::Null),
        ),
        (
            "contoso",
            format!("grant_type=client_credentials&client_id=app&client_secret=wrong&{scope}"),
            (401, json!("invalid_client"), json!([7_000_215])),
        ),
        (
            "contoso",
            format!("grant_type=client_credentials&client_id=other&client_secret=secret&{scope}"),
            (400, json!("unauthorized_client"), json!([700_016])),
        ),
        (
            "contoso",
            format!("grant_type=client_credentials&client_id=app&{scope}"),
            (401, json!("invalid_client"), json!([7_000_218])),
        ),
        (
            "contoso",
            "grant_type=client_credentials&client_id=app&client_secret=secret&scope=Mail.Read".into(),
            (400, json!("invalid_scope"), json!([1_002_012])),
        ),
        ("contoso", String::new(), (400, json!("invalid_request"), json!([900_144]))),
        (
            "common",
            format!("grant_type=client_credentials&client_id=app&client_secret=secret&{scope}"),
            (400, json!("invalid_request"), json!([9_001_023])),
        ),
    ] {
        let (status, body) = ask(&simulator, directory, &form).await;
        assert_eq!((status, body["error"].clone(), body["error_codes"].clone()), wanted, "{form}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn graph_refuses_calls_without_a_token_that_holds() {
    let stage = Stage::open(Options { token_lifetime: Duration::ZERO, ..options() }).await;
    let (status, body) = stage.call(Method::GET, "/messages", Value::Null).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (401, &json!("InvalidAuthenticationToken")));
    let url = format!("{}/v1.0/users/{INVOICES}/messages", stage.simulator.base_url());
    assert_eq!(client().get(url).send().await.unwrap().status(), 401);
    stage.end().await;
}

#[tokio::test]
async fn the_error_envelope_echoes_the_clients_request_id() {
    let stage = Stage::begin().await;
    let reply = stage.request(Method::GET, "/messages/AAkALgunknown").header("client-request-id", "my-id").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["client-request-id"].to_str().unwrap()), (400, "my-id"));
    let request_id = reply.headers()["request-id"].to_str().unwrap().to_owned();
    let body: Value = reply.json().await.unwrap();
    let date = body["error"]["innerError"]["date"].clone();
    let inner = json!({"date": date, "request-id": request_id, "client-request-id": "my-id"});
    assert_eq!(body, json!({"error": {"code": "ErrorInvalidIdMalformed", "message": "Id is malformed.", "innerError": inner}}));
    let url = format!("{}/v1.0/users/nobody@contoso.com/messages", stage.simulator.base_url());
    let (status, body) = stage.call(Method::GET, &url, Value::Null).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("ErrorInvalidUser")));
    stage.end().await;
}
