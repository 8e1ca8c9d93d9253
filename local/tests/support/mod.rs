//! A workspace of two functions, and the launcher over it.

use std::path::Path;
use std::process::Command;

/// A template of a table and of one function with a path.
pub const TEMPLATE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  RegisterFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: register}}
    Properties: {Events: {Any: {Type: Api, Properties: {Path: /register, Method: any}}}}
";

/// The end of a template that has the operator's function too.
pub const OPERATOR: &str = "  OperatorFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: operator}}
";

/// The launcher's command for `workspace`.
pub fn launcher_on_ports(workspace: &Path, port: &str, dynamodb_port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.arg("--workspace").arg(workspace).args(["--port", port, "--dynamodb-port", dynamodb_port]);
    command
}
