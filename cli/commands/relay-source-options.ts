/** Where a relay reads: its own cluster, and the remotes that it reads itself. */
import type { Command } from "commander";

export function withSourceOptions(command: Command): Command {
  return withEtcdOptions(command.option("--source <kind>", "kubernetes, etcd, manifests or typha"))
    .option("--rcc-dir <dir>", "folder of RCCs whose datastores this relay reads itself")
    .option("--rcc-insecure-tls", "take such remotes whose certificate is not checked")
    .option("--export-policy <file>", "YAML of what never leaves the cluster, followed")
    .option("--kubeconfig <file>", "of the cluster's API server")
    .option("--manifests <dir>", "folder of YAML instead of an API server");
}

export function withEtcdOptions(command: Command): Command {
  return command
    .option("--etcd-endpoints <url,…>", "the cluster's etcd, with --source etcd")
    .option("--etcd-ca-file <file>", "PEM: authorities of its certificates")
    .option("--etcd-cert-file <file>", "PEM: the certificate that it is shown")
    .option("--etcd-key-file <file>", "PEM: its key")
    .option("--etcd-username <name>", "its user")
    .option("--etcd-password-file <file>", "file with the password");
}
