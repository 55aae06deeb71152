// Command coredns is CoreDNS with the one plugin that the suite asks: names of Services and of the multi-cluster services API, from
// an API server. `coredns -conf Corefile`.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() {
	coremain.Run()
}
