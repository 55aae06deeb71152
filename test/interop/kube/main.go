// Command kube is a Kubernetes control plane in one binary for interoperability tests: an embedded etcd, kube-apiserver, and the
// EndpointSlice, Namespace and ServiceAccount controllers; and kube-proxy's tracker of slices. It runs on loopback, needs no root, and keeps everything in one folder.
//
// The API server and the controllers are children (the same binary, another first argument), because kube-apiserver registers
// process-wide state and cannot be started twice in one process, and a forced compaction needs it restarted. Children and parent end
// when their standard input closes, so nothing survives a killed test.
package main

import (
	"fmt"
	"io"
	"os"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: kube serve --dir DIR [--port PORT]"))
	}
	role := os.Args[1]
	os.Args = append([]string{os.Args[0]}, os.Args[2:]...)
	go exitWithParent()
	switch role {
	case "serve":
		if err := serve(); err != nil {
			fail(err)
		}
	case "tracker":
		if err := track(); err != nil {
			fail(err)
		}
	case "apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "controllers":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	default:
		fail(fmt.Errorf("unknown role %q", role))
	}
}

// exitWithParent ends the process when standard input closes: whoever holds the other end is gone.
func exitWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kube:", err)
	os.Exit(1)
}
