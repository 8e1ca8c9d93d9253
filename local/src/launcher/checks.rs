//! Checks before anything slow begins: the template, the catalogue's file, the ports, cargo.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::dynamodb::DynamoDbError;
use crate::template::{self, Template, TemplateFunction};

use super::arguments::{Arguments, SuperuserArguments};
use super::catalogue::{CatalogueChange, KEEPER};
use super::error::LaunchError;

/// The functions to start, their workspace and their ports.
pub(super) struct Plan {
    pub(super) workspace: PathBuf,
    pub(super) template: Template,
    /// All functions, also those without a path of the API.
    pub(super) functions: Vec<TemplateFunction>,
    pub(super) port: u16,
    pub(super) dynamodb_port: u16,
    pub(super) data: PathBuf,
    pub(super) in_memory: bool,
    pub(super) concurrency: u16,
    pub(super) catalogue: Option<CatalogueChange>,
}

impl Plan {
    /// A path for a message: relative to the workspace if it lies inside.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.workspace).unwrap_or(path).display().to_string()
    }
}

/// Reads the template and the catalogue, and checks that the ports are free.
pub(super) fn make_plan(arguments: &Arguments) -> Result<Plan, LaunchError> {
    let workspace = absolute(&arguments.workspace.clone().unwrap_or_else(template::workspace_root))?;
    let template_path = workspace.join(template::FILE_NAME);
    let template = Template::load(&template_path)?;
    let functions = template.functions();
    if functions.iter().all(|function| function.routes.is_empty()) && !arguments.only_dynamodb {
        return Err(LaunchError::NoRoutes { path: template_path.display().to_string() });
    }
    let catalogue = CatalogueChange::of(arguments)?;
    if catalogue.is_some() && functions.iter().all(|function| function.binary != KEEPER) {
        return Err(LaunchError::NoKeeper { binary: KEEPER });
    }
    let (port, dynamodb_port) = free_ports(arguments)?;
    let data = data_folder(arguments.data.as_deref(), &workspace)?;
    Ok(Plan {
        workspace,
        template,
        functions,
        port,
        dynamodb_port,
        data,
        in_memory: arguments.in_memory,
        concurrency: arguments.concurrency,
        catalogue,
    })
}

/// Reads the template for an act that starts no function.
pub(super) fn make_plan_of_superuser(arguments: &SuperuserArguments) -> Result<Plan, LaunchError> {
    let workspace = absolute(&arguments.workspace.clone().unwrap_or_else(template::workspace_root))?;
    let template = Template::load(&workspace.join(template::FILE_NAME))?;
    let data = data_folder(arguments.data.as_deref(), &workspace)?;
    Ok(Plan {
        workspace,
        template,
        functions: Vec::new(),
        port: 0,
        dynamodb_port: arguments.dynamodb_port,
        data,
        in_memory: false,
        concurrency: 1,
        catalogue: None,
    })
}

fn data_folder(wanted: Option<&Path>, workspace: &Path) -> Result<PathBuf, LaunchError> {
    wanted.map_or_else(|| Ok(workspace.join(".local")), absolute)
}

/// Checks that cargo can be run.
pub(super) fn find_cargo(plan: &Plan) -> Result<(), LaunchError> {
    let tried = Command::new(cargo()).arg("--version").current_dir(&plan.workspace).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(LaunchError::NoCargo { reason: output.status.to_string() }),
        Err(error) => Err(LaunchError::NoCargo { reason: error.to_string() }),
    }
}

/// The cargo that started this program, else the one on the PATH.
pub(super) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Keeps both listeners until both ports are known, so that two equal ports are an error.
fn free_ports(arguments: &Arguments) -> Result<(u16, u16), LaunchError> {
    let api = if arguments.only_dynamodb { None } else { Some(api_listener(arguments.port)?) };
    let dynamodb = dynamodb_listener(arguments.dynamodb_port)?;
    let port_of = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let refused = |source| LaunchError::System { what: "to name a port", source };
    let port = api.as_ref().map_or(Ok(arguments.port), port_of).map_err(refused)?;
    Ok((port, port_of(&dynamodb).map_err(refused)?))
}

fn api_listener(port: u16) -> Result<TcpListener, LaunchError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LaunchError::PortInUse { port },
        _ => LaunchError::PortRefused { port, source },
    })
}

fn dynamodb_listener(port: u16) -> Result<TcpListener, LaunchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    listener.map_err(|source| DynamoDbError::of_port(port, source).into())
}

/// An absolute path without `..`, so that the path of a file inside a folder begins with that of the folder.
fn absolute(path: &Path) -> Result<PathBuf, LaunchError> {
    let refused = |source| LaunchError::System { what: "to name the current folder", source };
    let path = std::path::absolute(path).map_err(refused)?;
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = clean.pop(),
            other => clean.push(other),
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_detours() {
        assert_eq!(absolute(Path::new("/workspace/sub/../../data/.")).unwrap(), Path::new("/data"));
        assert!(absolute(Path::new("data")).unwrap().is_absolute());
    }
}
