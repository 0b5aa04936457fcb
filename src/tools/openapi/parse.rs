//! An OpenAPI 3 document, as people write them, read into operations.
//!
//! The document is walked as JSON rather than read into a crate's types: those hold either 3.0 or 3.1, and refuse a whole document
//! for a missing `responses` or a misspelt field that no request needs.

use std::collections::HashSet;

use serde_json::{Value, json};
use url::Url;

use super::{Argument, Body, Document, Encoding, Operation, Place, Style};
use crate::error::{Code, Error, Result};
use crate::tools::schema::Resolver;
use crate::tools::{Form, Parameter};
use crate::yaml;

/// Largest document, in bytes.
pub const MAX_DOCUMENT: usize = 2 << 20;
const MAX_OPERATIONS: usize = 300;
const MAX_ARGUMENTS: usize = 200;
const METHODS: &[&str] = &["get", "put", "post", "delete", "patch", "head", "options", "trace"];
/// The HTTP client's own, or the credentials'.
const RESERVED_HEADERS: &[&str] = &["accept", "content-type", "authorization", "host", "content-length", "connection", "transfer-encoding"];

/// Reads a document in JSON or YAML. `from`: the URL it came from, which its servers may be relative to.
pub fn parse(text: &str, from: Option<&Url>) -> Result<Document> {
    if text.len() > MAX_DOCUMENT {
        return Err(
            Error::new(Code::FileTooLarge, format!("The OpenAPI document is larger than {} MB.", MAX_DOCUMENT >> 20)).param("document")
        );
    }
    let document = read(text.trim_start_matches('\u{feff}'))?;
    if document.get("swagger").is_some() {
        return Err(invalid("The document is Swagger 2.0. Convert it to OpenAPI 3, for example with editor.swagger.io."));
    }
    // YAML reads an unquoted 3.0 as a number
    let version = document.get("openapi").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).unwrap_or_default();
    if !version.starts_with('3') {
        return Err(invalid("The document needs a field 'openapi' with version 3, as in openapi: 3.1.0."));
    }
    let info = |field: &str| document.pointer(field).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let mut operations = Vec::new();
    let paths = document.get("paths").and_then(Value::as_object).filter(|paths| !paths.is_empty());
    let paths = paths.ok_or_else(|| invalid("The document has no 'paths', so there is nothing to call."))?;
    let mut names = HashSet::new();
    for (path, item) in paths {
        let resolver = Resolver::new(&document);
        let (item, _) = resolver.follow(item).map_err(|e| invalid(format!("paths.{path}: {e}.")))?;
        for method in METHODS {
            let Some(operation) = item.get(*method).filter(|o| o.is_object()) else { continue };
            if operations.len() == MAX_OPERATIONS {
                return Err(invalid(format!(
                    "The document has more than {MAX_OPERATIONS} operations. Leave out those that are not needed."
                )));
            }
            let at = Site { document: &document, item, operation, path, method, from };
            let mut operation = at.operation().map_err(|e| invalid(format!("paths.{path}.{method}: {e}.")))?;
            operation.name = unique(operation.name, &mut names);
            operations.push(operation);
        }
    }
    if operations.is_empty() {
        return Err(invalid("The document's paths have no operations, so there is nothing to call."));
    }
    Ok(Document { title: info("/info/title"), description: info("/info/description"), operations })
}

fn read(text: &str) -> Result<Value> {
    let value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| invalid(format!("The document is not valid JSON: {e}.")))?
    } else {
        yaml::parse(text).map_err(|e| e.param("document"))?
    };
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid("The document is not an OpenAPI document: it must be a mapping with 'openapi' and 'paths'."))
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("document", message)
}

/// `name` as functions of models may be called.
pub fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' && !plain.ends_with('_') {
            plain.push(c);
        } else if !plain.ends_with('_') {
            plain.push('_');
        }
    }
    let plain = plain.trim_matches('_');
    plain[..plain.len().min(60)].to_owned()
}

fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    for n in 2.. {
        if taken.insert(candidate.clone()) {
            break;
        }
        candidate = format!("{name}_{n}");
    }
    candidate
}

/// Where in the document an operation stands.
struct Site<'a> {
    document: &'a Value,
    item: &'a Value,
    operation: &'a Value,
    path: &'a str,
    method: &'a str,
    from: Option<&'a Url>,
}

impl<'a> Site<'a> {
    fn operation(&self) -> Result<Operation, String> {
        let text = |field: &str| self.operation.get(field).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
        let id = text("operationId").map(plain_name).filter(|id| !id.is_empty());
        let name = id.unwrap_or_else(|| plain_name(&format!("{}_{}", self.method, self.path)));
        let description = text("description").or(text("summary")).unwrap_or_default();
        let mut resolver = Resolver::new(self.document);
        let mut arguments = self.parameters(&mut resolver)?;
        let body = self.body(&mut resolver, &mut arguments)?;
        if arguments.len() > MAX_ARGUMENTS {
            return Err(format!("it has more than {MAX_ARGUMENTS} parameters"));
        }
        Ok(Operation {
            label: text("summary").unwrap_or(&name).chars().take(200).collect(),
            description: description.chars().take(4000).collect(),
            method: self.method.to_ascii_uppercase(),
            server: self.server()?,
            path: format!("/{}", self.path.trim_start_matches('/')),
            name,
            arguments,
            body,
        })
    }

    /// The first server of the operation, else of its path, else of the document.
    fn server(&self) -> Result<String, String> {
        let servers = [self.operation, self.item, self.document].into_iter();
        let first = servers.filter_map(|owner| owner.get("servers")?.as_array()?.first()).next();
        let mut text = first.and_then(|server| server.get("url")).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        for (name, variable) in first.and_then(|s| s.get("variables")).and_then(Value::as_object).into_iter().flatten() {
            let default = variable.get("default").map(|d| d.as_str().map_or_else(|| d.to_string(), str::to_owned)).unwrap_or_default();
            text = text.replace(&format!("{{{name}}}"), &default);
        }
        let url = match (Url::parse(&text), self.from) {
            (Ok(url), _) => url,
            (Err(url::ParseError::RelativeUrlWithoutBase), Some(from)) => {
                from.join(&text).map_err(|e| format!("the server {text:?}: {e}"))?
            }
            (Err(url::ParseError::RelativeUrlWithoutBase), None) => {
                return Err(format!("the server is {text:?}; add 'servers' with a whole URL, as in https://api.example.com/v1"));
            }
            (Err(e), _) => return Err(format!("the server {text:?} is not a URL: {e}")),
        };
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(format!("the server {text:?} must be a plain http or https URL, without a user name and without '?'"));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Those of the path and of the operation, which replace the path's.
    fn parameters(&self, resolver: &mut Resolver<'a>) -> Result<Vec<Argument>, String> {
        let mut found: Vec<(&str, Place, &Value)> = Vec::new();
        for owner in [self.item, self.operation] {
            for entry in owner.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                let (entry, _) = resolver.follow(entry)?;
                let text = |field: &str| entry.get(field).and_then(Value::as_str);
                let name = text("name").ok_or("a parameter has no 'name'")?;
                let place = match text("in") {
                    Some("path") => Place::Path,
                    Some("query") => Place::Query,
                    Some("header") if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) => continue,
                    Some("header") => Place::Header,
                    Some("cookie") => Place::Cookie,
                    other => {
                        return Err(format!(
                            "the parameter {name:?} is in {:?}, not in path, query, header or cookie",
                            other.unwrap_or("")
                        ));
                    }
                };
                found.retain(|(n, p, _)| !(*n == name && *p == place));
                found.push((name, place, entry));
            }
        }
        // what the path needs and nobody described
        let described = |name: &str| found.iter().any(|(n, p, _)| *n == name && *p == Place::Path);
        let missing: Vec<&str> = braces(self.path).filter(|name| !described(name)).collect();
        let mut arguments = Vec::new();
        for (name, place, entry) in found {
            if place == Place::Path && !braces(self.path).any(|n| n == name) {
                continue;
            }
            let media = entry.get("content").and_then(Value::as_object).and_then(|content| content.values().next());
            let schema = entry.get("schema").or(media.and_then(|m| m.get("schema")));
            let schema = schema.map_or_else(|| Ok(json!({"type": "string"})), |s| resolver.schema(s))?;
            let style = if media.is_some() { Style::Json } else { style(entry, place) };
            let required = place == Place::Path || entry.get("required") == Some(&json!(true));
            let description =
                entry.get("description").and_then(Value::as_str).or(schema.get("description").and_then(Value::as_str)).unwrap_or("");
            arguments.push(argument(&arguments, (name, place, style), description, required, schema.clone()));
        }
        for name in missing {
            arguments.push(argument(&arguments, (name, Place::Path, Style::Commas), "", true, json!({"type": "string"})));
        }
        Ok(arguments)
    }

    fn body(&self, resolver: &mut Resolver<'a>, arguments: &mut Vec<Argument>) -> Result<Option<Body>, String> {
        let Some(body) = self.operation.get("requestBody") else { return Ok(None) };
        let (body, _) = resolver.follow(body)?;
        let contents = || body.get("content").and_then(Value::as_object).into_iter().flatten();
        let ranked = contents().filter_map(|(name, media)| encoding(name).map(|(rank, encoding)| (rank, name, encoding, media)));
        let Some((_, content_type, encoding, media)) = ranked.min_by_key(|(rank, ..)| *rank) else { return Ok(None) };
        let schema = media.get("schema").map_or_else(|| Ok(json!({})), |schema| resolver.schema(schema))?;
        let description = |schema: &Value| schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let properties = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty() && encoding != Encoding::Raw);
        if let Some(properties) = properties {
            let required = schema.get("required").and_then(Value::as_array);
            for (name, schema) in properties {
                let required = required.is_some_and(|names| names.iter().any(|n| n == name));
                let style = if encoding == Encoding::Form { Style::Exploded } else { Style::Json };
                arguments.push(argument(arguments, (name, Place::Field, style), &description(schema), required, schema.clone()));
            }
        } else {
            let required = body.get("required") == Some(&json!(true));
            let about = body.get("description").and_then(Value::as_str).map_or_else(|| description(&schema), str::to_owned);
            arguments.push(argument(arguments, ("body", Place::Body, Style::Json), &about, required, schema.clone()));
        }
        let content_type = match (content_type.contains('*'), encoding) {
            (true, Encoding::Json) => "application/json".to_owned(),
            (true, _) => "application/octet-stream".to_owned(),
            (false, _) => content_type.to_ascii_lowercase(),
        };
        Ok(Some(Body { content_type, encoding }))
    }
}

/// A parameter under a name that none of `others` has.
fn argument(
    others: &[Argument],
    (wire_name, place, style): (&str, Place, Style),
    description: &str,
    required: bool,
    schema: Value,
) -> Argument {
    let prefix = match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Cookie => "cookie",
        Place::Field | Place::Body => "body",
    };
    let taken = |name: &str| others.iter().any(|a| a.parameter.name == name);
    let mut name = wire_name.to_owned();
    while taken(&name) {
        name = format!("{prefix}_{name}");
    }
    let parameter = Parameter {
        label: wire_name.to_owned(),
        description: description.trim().chars().take(2000).collect(),
        required,
        form: Form::Llm,
        schema,
        name,
    };
    Argument { parameter, wire_name: wire_name.to_owned(), place, style }
}

fn style(entry: &Value, place: Place) -> Style {
    let explode = entry.get("explode").and_then(Value::as_bool);
    match (entry.get("style").and_then(Value::as_str), place) {
        (Some("deepObject"), _) => Style::Deep,
        (Some("spaceDelimited"), _) if explode != Some(true) => Style::Spaces,
        (Some("pipeDelimited"), _) if explode != Some(true) => Style::Pipes,
        (_, Place::Query | Place::Cookie) if explode != Some(false) => Style::Exploded,
        _ => Style::Commas,
    }
}

/// The names in `{braces}`.
fn braces(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// How a body of this type is made, and how much it is preferred (less is more).
fn encoding(content_type: &str) -> Option<(usize, Encoding)> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "application/json" => (0, Encoding::Json),
        "*/*" | "application/*" => (1, Encoding::Json),
        other if other.ends_with("+json") => (1, Encoding::Json),
        "application/x-www-form-urlencoded" => (2, Encoding::Form),
        "multipart/form-data" => (3, Encoding::Multipart),
        "" => return None,
        _ => (4, Encoding::Raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(rest: &str) -> Result<Operation, String> {
        let text = format!("openapi: 3.0.3\nservers: [{{url: 'https://api.example.com/v1/'}}]\n{rest}");
        parse(&text, None).map(|mut d| d.operations.swap_remove(0)).map_err(|e| e.message)
    }

    /// name, place, required, schema
    fn arguments(operation: &Operation) -> Vec<(&str, Place, bool, Value)> {
        operation.arguments.iter().map(|a| (a.parameter.name.as_str(), a.place, a.parameter.required, a.parameter.schema.clone())).collect()
    }

    #[test]
    fn parameters_of_path_and_operation_are_joined() {
        let found = operation(
            "paths:
  /users/{id}/{part}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: integer}, description: Whose}
    - {name: verbose, in: query, schema: {type: boolean}}
    get:
      summary: Get a part
      parameters:
      - {name: verbose, in: query, schema: {type: boolean, default: true}}
      - {name: id, in: query, schema: {type: string}}
      - {name: X-Trace, in: header}
      - {name: Authorization, in: header, schema: {type: string}}
      - {name: session, in: cookie, schema: {type: string}}
      - $ref: '#/components/parameters/Filter'
      - {name: ghost, in: path, required: true, schema: {type: string}}
      responses: {}
components:
  parameters:
    Filter: {name: filter, in: query, style: deepObject, content: {}, schema: {$ref: '#/components/schemas/Filter'}}
  schemas:
    Filter: {properties: {a: {type: string, nullable: true, example: x}}}
",
        )
        .unwrap();
        assert_eq!((found.name.as_str(), found.label.as_str(), found.method.as_str()), ("get_users_id_part", "Get a part", "GET"));
        assert_eq!((found.server.as_str(), found.path.as_str()), ("https://api.example.com/v1", "/users/{id}/{part}"));
        let filter = json!({"properties": {"a": {"type": ["string", "null"]}}, "type": "object"});
        assert_eq!(
            arguments(&found),
            [
                ("id", Place::Path, true, json!({"type": "integer"})),
                ("verbose", Place::Query, false, json!({"type": "boolean", "default": true})),
                ("query_id", Place::Query, false, json!({"type": "string"})),
                ("X-Trace", Place::Header, false, json!({"type": "string"})),
                ("session", Place::Cookie, false, json!({"type": "string"})),
                ("filter", Place::Query, false, filter),
                ("part", Place::Path, true, json!({"type": "string"})),
            ]
        );
        assert_eq!(found.arguments[5].style, Style::Deep);
    }

    #[test]
    fn bodies_become_arguments() {
        let post = |body: &str, rest: &str| {
            operation(&format!("paths:\n  /x:\n    post:\n      operationId: a.b c/d\n      requestBody: {body}\n{rest}")).unwrap()
        };
        let schemas = "components:
  schemas:
    Base: {type: object, required: [id], properties: {id: {type: integer, readOnly: true}, name: {type: string}}}
    New:
      allOf: [{$ref: '#/components/schemas/Base'}, {type: object, required: [size], properties: {size: {type: number, minimum: 0, exclusiveMinimum: true}}}]
    Node: {type: object, properties: {value: {type: string}, next: {$ref: '#/components/schemas/Node'}, all: {type: array, items: {$ref: '#/components/schemas/Node'}}}}
";
        let found = post(
            "{content: {text/plain: {schema: {type: string}}, application/json: {schema: {$ref: '#/components/schemas/New'}}}}",
            schemas,
        );
        assert_eq!(found.name, "a_b_c_d");
        assert_eq!(found.body, Some(Body { content_type: "application/json".into(), encoding: Encoding::Json }));
        assert_eq!(
            arguments(&found),
            [
                ("name", Place::Field, false, json!({"type": "string"})),
                ("size", Place::Field, true, json!({"type": "number", "exclusiveMinimum": 0})),
            ]
        );
        // a schema that contains itself
        let found = post("{content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}", schemas);
        assert_eq!(
            arguments(&found)[1..],
            [
                ("next", Place::Field, false, json!({"type": "object"})),
                ("all", Place::Field, false, json!({"type": "array", "items": {"type": "object"}})),
            ]
        );
        let found = post("{required: true, description: Some words, content: {text/markdown: {}}}", "");
        assert_eq!(arguments(&found), [("body", Place::Body, true, json!({}))]);
        assert_eq!(found.body.unwrap().encoding, Encoding::Raw);
        let found = post("{content: {'*/*': {schema: {type: array, items: {type: string}}}}}", "");
        assert_eq!(found.body, Some(Body { content_type: "application/json".into(), encoding: Encoding::Json }));
        let found = post("{content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: string}}}}}}", "");
        assert_eq!((found.body.unwrap().encoding, found.arguments[0].style), (Encoding::Form, Style::Exploded));
        assert_eq!(post("{content: {}}", "").body, None);
    }

    #[test]
    fn awkward_documents_are_read() {
        // 3.1: type lists, $ref with a sibling, no responses, no info
        let text = r##"{"openapi": "3.1.0", "servers": [{"url": "https://{host}/api", "variables": {"host": {"default": "h.example"}}}],
            "paths": {"/a": {"get": {"parameters": [{"name": "t", "in": "query", "schema": {"$ref": "#/components/schemas/T", "description": "beside"}}]},
                             "post": {"operationId": "get_a"}, "x-other": 1},
                      "/b~c": {"$ref": "#/paths/~1a"}},
            "components": {"schemas": {"T": {"type": ["string", "null"], "enum": ["x", null]}}}}"##;
        let document = parse(text, None).unwrap();
        let names: Vec<_> = document.operations.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names, ["get_a", "get_a_2", "get_b_c", "get_a_3"]);
        assert_eq!(document.operations[0].server, "https://h.example/api");
        let schema = json!({"type": ["string", "null"], "enum": ["x", null], "description": "beside"});
        assert_eq!(document.operations[0].arguments[0].parameter.schema, schema);
        assert_eq!(document.operations[0].arguments[0].parameter.description, "beside");

        // YAML numbers, a byte order mark, a relative server, servers of a path and an operation
        let text = "\u{feff}openapi: 3.0\ninfo: {title: T, version: 1}\npaths:\n  a: {get: {}}\n  /b: {servers: [{url: 'http://b.example'}], get: {}, put: {servers: [{url: 'http://c.example/'}]}}\n";
        let document = parse(text, Some(&"https://docs.example/spec/openapi.yaml".parse().unwrap())).unwrap();
        let servers: Vec<_> = document.operations.iter().map(|o| (o.server.as_str(), o.path.as_str())).collect();
        assert_eq!(servers, [("https://docs.example/spec/openapi.yaml", "/a"), ("http://b.example", "/b"), ("http://c.example", "/b")]);
        assert_eq!(document.title, "T");
    }

    #[test]
    fn large_schemas_are_cut_not_refused() {
        let mut schemas = serde_json::Map::new();
        for n in 0..200 {
            let next = |k: usize| json!({"$ref": format!("#/components/schemas/S{}", (n * 7 + k) % 200)});
            let properties: serde_json::Map<String, Value> = (0..20).map(|k| (format!("p{k}"), next(k))).collect();
            schemas.insert(format!("S{n}"), json!({"type": "object", "properties": properties}));
        }
        let document = json!({"openapi": "3.0.0", "servers": [{"url": "https://a.example"}], "components": {"schemas": schemas},
            "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}}}}});
        let parsed = parse(&document.to_string(), None).unwrap();
        assert_eq!(parsed.operations[0].arguments.len(), 20);
        assert!(json!(parsed.operations).to_string().len() < 1 << 20);
    }

    #[test]
    fn what_can_not_be_read_says_why() {
        let server = "openapi: 3.0.0\nservers: [{url: 'https://a.example'}]\n";
        for (text, expected) in [
            ("{", "not valid JSON"),
            ("a: [", "not valid YAML"),
            ("- a", "must be a mapping"),
            ("swagger: '2.0'\npaths: {}", "Swagger 2.0"),
            ("paths: {}", "field 'openapi'"),
            ("openapi: 3.0.0", "has no 'paths'"),
            (&format!("{server}paths: {{/a: {{}}}}"), "paths have no operations"),
            ("openapi: 3.0.0\npaths: {/a: {get: {}}}", "paths./a.get: the server is \"\"; add 'servers'"),
            ("openapi: 3.0.0\nservers: [{url: /v1}]\npaths: {/a: {get: {}}}", "the server is \"/v1\""),
            ("openapi: 3.0.0\nservers: [{url: 'ftp://a'}]\npaths: {/a: {get: {}}}", "must be a plain http or https URL"),
            ("openapi: 3.0.0\nservers: [{url: 'https://u:p@a'}]\npaths: {/a: {get: {}}}", "must be a plain http or https URL"),
            (&format!("{server}paths: {{/a: {{get: {{parameters: [{{$ref: 'other.yaml#/x'}}]}}}}}}"), "leads to another document"),
            (&format!("{server}paths: {{/a: {{get: {{parameters: [{{$ref: '#/x'}}]}}}}}}"), "\"#/x\" leads nowhere"),
            (&format!("{server}x: {{$ref: '#/x'}}\npaths: {{/a: {{get: {{parameters: [{{$ref: '#/x'}}]}}}}}}"), "leads in a circle"),
            (&format!("{server}paths: {{/a: {{get: {{parameters: [{{in: query}}]}}}}}}"), "a parameter has no 'name'"),
            (&format!("{server}paths: {{/a: {{get: {{parameters: [{{name: b, in: body}}]}}}}}}"), "\"b\" is in \"body\""),
            (&format!("{server}#{}", "x".repeat(MAX_DOCUMENT)), "larger than 2 MB"),
        ] {
            let error = parse(text, None).unwrap_err();
            assert!(error.message.contains(expected), "{}: {}", text.chars().take(120).collect::<String>(), error.message);
            assert_eq!(error.param.as_deref(), Some("document"));
        }
        let many: String = (0..301).map(|n| format!("  /p{n}: {{get: {{}}}}\n")).collect();
        assert!(parse(&format!("{server}paths:\n{many}"), None).unwrap_err().message.contains("more than 300 operations"));
    }
}
