//! The document of several specifications, as far as no socket is needed.
#![allow(clippy::unwrap_used)]

use weir_policy::artifacts::{Artifacts, NamedValueOverrides};
use weir_token::ProvidersConfig;

use super::*;

const JWT: &str = "<validate-jwt header-name='authorization'>\
    <openid-config url='http://127.0.0.1:9/.well-known/openid-configuration'/></validate-jwt>";

/// The document of APIs given as folder, path and specification; `policy` is what is in the global
/// `inbound`.
fn describe(policy: &str, apis: &[(&str, &str, &str)]) -> Value {
    let mut artifacts = Artifacts::new();
    artifacts.insert(
        "policy.xml",
        format!("<policies><inbound>{policy}</inbound></policies>"),
    );
    for (folder, path, specification) in apis {
        let information = json!({ "properties": {
            "path": path, "displayName": format!("The {folder} API"), "subscriptionRequired": false,
            "serviceUrl": "http://backend.internal:7071/api",
        }});
        artifacts.insert(
            &*format!("apis/{folder}/apiInformation.json"),
            information.to_string(),
        );
        artifacts.insert(
            &*format!("apis/{folder}/specification.yaml"),
            *specification,
        );
    }
    let configuration = artifacts
        .compile(&NamedValueOverrides::new())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let providers = Providers::new(
        ProvidersConfig::default(),
        &weir_telemetry::Ops::new("test"),
    )
    .unwrap();
    let openapi =
        OpenApi::new(&configuration, &providers, RequestPath::of_openapi(), None).unwrap();
    let document = Document {
        tag: String::new(),
        rendered: openapi.rendered(),
        servers: "[]".to_owned(),
    };
    let text = document.body();
    assert!(
        !String::from_utf8_lossy(&text).contains("internal"),
        "{text:?}"
    );
    serde_json::from_slice(&text).unwrap()
}

/// Every `$ref` leads somewhere.
fn assert_references_hold(document: &Value) {
    fn visit(value: &Value, document: &Value, seen: &mut usize) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str)
                    && reference != "kept"
                {
                    let target = reference
                        .strip_prefix('#')
                        .and_then(|pointer| document.pointer(pointer));
                    assert!(target.is_some(), "{reference}");
                    *seen += 1;
                }
                members
                    .values()
                    .for_each(|value| visit(value, document, seen));
            }
            Value::Array(items) => items.iter().for_each(|value| visit(value, document, seen)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut seen = 0;
    visit(document, document, &mut seen);
    assert!(seen > 0);
}

const ORDERS: &str = r##"
openapi: 3.0.3
info: { title: Orders, version: "7", x-owner: team.internal }
servers: [{ url: http://orders.internal }]
tags: [{ name: read, description: Reading }]
paths:
  /:
    get: { tags: [read], operationId: list, responses: { "200": { $ref: "#/components/responses/Orders" } } }
  /{id}:
    servers: [{ url: http://other.internal }]
    x-google-backend: { address: http://vendor.internal }
    parameters: [{ $ref: "#/components/parameters/id" }]
    get:
      operationId: read
      x-amazon-apigateway-integration: { uri: http://vendor.internal }
      servers: [{ url: http://third.internal }]
      responses:
        x-note: http://note.internal
        "200":
          description: one
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Order" }
              example: { $ref: kept, x-kept: 1, servers: kept }
          links:
            next: { operationId: list, server: { url: http://link.internal }, parameters: { $ref: kept } }
            again: { operationRef: "#/paths/~1{id}/get" }
    delete: {}
components:
  parameters: { id: { name: id, in: path, required: true, schema: { type: string } } }
  responses: { Orders: { description: all, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Order" } } } } } }
  schemas:
    Order:
      type: object
      properties:
        $ref: { type: string }
        x-name: { type: string, nullable: true }
        servers: { type: integer, minimum: 1, exclusiveMinimum: true }
        animal: { $ref: "#/components/schemas/Animal" }
        elsewhere: { description: a file, $ref: "http://files.internal/a.yaml#/x" }
    Animal:
      discriminator: { propertyName: kind, mapping: { dog: Dog, cat: "#/components/schemas/Cat" } }
      oneOf: [{ $ref: "#/components/schemas/Dog" }, { $ref: "#/components/schemas/Cat" }]
    Dog: { type: object }
    Cat: { type: object }
"##;

const USERS: &str = r##"
openapi: 3.1.0
info: { title: Users, version: "2" }
paths:
  /{id}:
    get: { operationId: read, parameters: [{ $ref: "#/components/parameters/id" }], responses: { "200": { description: ok } } }
components:
  parameters: { id: { name: id, in: path, required: true, schema: { type: [string, "null"] } } }
"##;

#[test]
fn several_apis_share_one_document_without_clashes() {
    let document = describe(
        "",
        &[("orders", "shop/orders", ORDERS), ("users", "users", USERS)],
    );
    assert_references_hold(&document);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "weir");
    assert_eq!(
        document["info"]["description"],
        "The APIs of this gateway: The orders API, The users API."
    );
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/shop/orders", "/shop/orders/{id}", "/users/{id}"]);
    let order = &document["paths"]["/shop/orders/{id}"];
    assert_eq!(order["get"]["operationId"], "orders.read");
    assert_eq!(order["get"]["tags"], json!(["The orders API"]));
    assert_eq!(order["delete"]["operationId"], "orders.delete-id");
    assert!(order["delete"]["responses"]["default"]["description"].is_string());
    assert_eq!(
        document["paths"]["/users/{id}"]["get"]["operationId"],
        "users.read"
    );
    assert_eq!(
        document["paths"]["/shop/orders"]["get"]["tags"],
        json!(["The orders API / read"])
    );
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert_eq!(
        tags,
        ["The orders API", "The orders API / read", "The users API"]
    );
    let links = &order["get"]["responses"]["200"]["links"];
    assert_eq!(
        links["next"],
        json!({ "operationId": "orders.list", "parameters": { "$ref": "kept" } })
    );
    assert_eq!(
        links["again"]["operationRef"],
        "#/paths/~1shop~1orders~1{id}/get"
    );
    let schemas = &document["components"]["schemas"];
    let mapping = json!({ "dog": "#/components/schemas/orders.Dog", "cat": "#/components/schemas/orders.Cat" });
    assert_eq!(
        schemas["orders.Animal"]["discriminator"]["mapping"],
        mapping
    );
    let parameters: Vec<&String> = document["components"]["parameters"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(parameters, ["orders.id", "users.id"]);
}

#[test]
fn names_that_people_chose_and_examples_are_no_keywords() {
    let document = describe("", &[("orders", "orders", ORDERS)]);
    assert_eq!(document["openapi"], "3.0.3");
    let properties = &document["components"]["schemas"]["Order"]["properties"];
    assert_eq!(properties["$ref"], json!({ "type": "string" }));
    assert_eq!(
        properties["x-name"],
        json!({ "type": "string", "nullable": true })
    );
    assert_eq!(
        properties["servers"],
        json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true })
    );
    assert_eq!(properties["elsewhere"], json!({ "description": "a file" }));
    let answer = &document["paths"]["/orders/{id}"]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(
        answer["example"],
        json!({ "$ref": "kept", "x-kept": 1, "servers": "kept" })
    );
}

#[test]
fn beside_a_specification_of_3_1_older_schemas_are_written_the_new_way() {
    let document = describe(
        "",
        &[("orders", "orders", ORDERS), ("users", "users", USERS)],
    );
    let properties = &document["components"]["schemas"]["orders.Order"]["properties"];
    assert_eq!(properties["x-name"], json!({ "type": ["string", "null"] }));
    assert_eq!(
        properties["servers"],
        json!({ "type": "integer", "exclusiveMinimum": 1 })
    );
}

#[test]
fn one_api_keeps_its_names() {
    let document = describe("", &[("orders", "", ORDERS)]);
    assert_references_hold(&document);
    assert_eq!(
        document["info"],
        json!({ "title": "Orders", "version": "7" })
    );
    assert_eq!(
        document["tags"],
        json!([{ "name": "read", "description": "Reading" }])
    );
    assert_eq!(document["paths"]["/"]["get"]["operationId"], "list");
    assert!(document["components"]["schemas"]["Order"].is_object());
    assert_eq!(document["paths"]["/"]["get"].get("security"), None);
}

#[test]
fn without_apis_the_document_is_empty() {
    let document = describe("", &[]);
    assert_eq!(document["info"], json!({ "title": "weir", "version": "1" }));
    assert_eq!(document["paths"], json!({}));
}

#[test]
fn operations_that_no_request_reaches_are_left_out() {
    let wide = "openapi: 3.0.3\npaths: { /a/b: { get: {} }, /a/bc: { get: {} }, '/{x}/b': { get: {} }, /a: { get: {} } }";
    let narrow = "openapi: 3.0.3\npaths: { /c: { get: {} } }";
    let document = describe("", &[("wide", "", wide), ("narrow", "a/b", narrow)]);
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/a/b/c", "/a/bc", "/{x}/b", "/a"]);
}

#[test]
fn folders_that_look_alike_get_names_of_their_own() {
    let narrow = "openapi: 3.0.3\npaths: { /c: { get: { operationId: c } } }";
    let document = describe(
        "",
        &[
            ("a.b", "x", narrow),
            ("a b", "y", narrow),
            ("a_b", "z", narrow),
        ],
    );
    let mut ids: Vec<_> = ["/x/c", "/y/c", "/z/c"]
        .iter()
        .map(|path| &document["paths"][path]["get"]["operationId"])
        .collect();
    ids.sort_by_key(|id| id.to_string());
    assert_eq!(ids, ["a_b.c", "a_b_.c", "a_b__.c"]);
}

/// The `security` of an operation whose specification says `security`.
fn security(policy: &str, security: &str, schemes: &str) -> (Value, Value) {
    let text = format!(
        "{{ openapi: 3.0.3, {security} paths: {{ /a: {{ get: {{}} }} }}, components: {{ securitySchemes: {{ {schemes} }} }} }}"
    );
    let document = describe(policy, &[("only", "", &text)]);
    let required = document["paths"]["/a"]["get"]
        .get("security")
        .cloned()
        .unwrap_or_default();
    (required, document["components"]["securitySchemes"].clone())
}

#[test]
fn what_the_specification_requires_stays() {
    let login = "login: { type: oauth2, flows: { authorizationCode: { authorizationUrl: 'http://x/a', tokenUrl: 'http://x/t', scopes: { 'api://one/Read': Read, 'api://one/Write': Write } } } }";
    let read = json!([{ "login": ["api://one/Read"] }]);
    for policy in ["", JWT] {
        let (required, schemes) =
            security(policy, "security: [{ login: ['api://one/Read'] }],", login);
        assert_eq!(required, read);
        assert_eq!(
            schemes["login"]["flows"]["authorizationCode"]["authorizationUrl"],
            "http://x/a"
        );
    }
    let (required, _) = security("", "security: [{ unknown: [] }, {}],", login);
    assert_eq!(required, json!([{}]));
}

#[test]
fn a_validate_jwt_is_a_sign_in_whatever_the_specification_says() {
    let login = "key: { type: apiKey, name: k, in: header }, token: { type: http, scheme: Bearer }, login: { type: oauth2, flows: { implicit: { authorizationUrl: 'http://x/a', scopes: { 'api://one/Read': Read } } } }";
    let entry = json!({ "login": ["api://one/Read"] });
    for (written, required) in [
        ("", json!([entry])),
        ("security: [],", json!([entry])),
        ("security: [{}, { token: [] }],", json!([entry])),
        (
            "security: [{ key: [] }, { login: [] }],",
            json!([{ "key": [], "login": ["api://one/Read"] }, { "login": [] }]),
        ),
    ] {
        assert_eq!(security(JWT, written, login).0, required, "{written}");
    }
    let conditional = format!("<choose><when condition='true'>{JWT}</when></choose>");
    assert_eq!(security(&conditional, "", login).0, Value::Null);
}

#[test]
fn without_a_scheme_of_its_own_an_api_gets_one() {
    let (required, schemes) = security(JWT, "", "");
    assert_eq!(required, json!([{ "sign-in": [] }]));
    assert_eq!(
        schemes,
        json!({ "sign-in": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } })
    );
    let (required, schemes) = security(JWT, "", "sign-in: { type: apiKey, name: k, in: header }");
    assert_eq!(required, json!([{ "sign-in-2": [] }]));
    assert_eq!(schemes["sign-in"]["type"], "apiKey");
    let inline = "<validate-jwt header-name='Authorization'><issuer-signing-keys><key>YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAhISE=</key></issuer-signing-keys></validate-jwt>";
    assert_eq!(security(inline, "", "").0, json!([{ "bearer": [] }]));
    let token = "token: { type: http, scheme: bearer }";
    assert_eq!(
        security(inline, "security: [{ token: [] }],", token).0,
        json!([{ "token": [] }])
    );
    let elsewhere = JWT.replace("authorization", "x-token");
    assert_eq!(security(&elsewhere, "", "").0, Value::Null);
}

#[test]
fn the_providers_addresses_take_the_place_of_those_written() {
    let endpoints = Endpoints {
        authorization: "https://login.example/a?p=1".to_owned(),
        token: "https://login.example/t".to_owned(),
    };
    let scopes = json!({ "api://one/Read": "Read" });
    let scheme = |written: Option<Value>| {
        Scheme {
            name: String::new(),
            written,
            provider: None,
        }
        .describe(Some(&endpoints))
    };
    let code = json!({ "authorizationUrl": endpoints.authorization, "tokenUrl": endpoints.token, "scopes": scopes });
    let written = json!({ "type": "oauth2", "description": "d", "flows": { "authorizationCode": {
        "authorizationUrl": "http://x/a", "tokenUrl": "http://x/t", "refreshUrl": "http://x/t", "scopes": scopes,
    }}});
    let flow = &scheme(Some(written))["flows"]["authorizationCode"];
    assert_eq!(flow["refreshUrl"], endpoints.token);
    assert_eq!(
        (&flow["authorizationUrl"], &flow["scopes"]),
        (&code["authorizationUrl"], &scopes)
    );
    let implicit = json!({ "type": "oauth2", "flows": { "implicit": { "authorizationUrl": "http://x/a", "scopes": scopes } } });
    let flows = &scheme(Some(implicit))["flows"];
    assert_eq!(flows["authorizationCode"], code);
    assert_eq!(
        flows["implicit"]["authorizationUrl"],
        endpoints.authorization
    );
    assert_eq!(
        scheme(None)["flows"]["authorizationCode"]["scopes"],
        json!({})
    );
    let key = json!({ "type": "apiKey", "name": "k", "in": "header" });
    assert_eq!(scheme(Some(key.clone())), key);
}
