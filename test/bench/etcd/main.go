// A peer to compare with: etcd, with watchers that each have a stream of their own, under the same changes. Used by test/bench/etcd-peer.ts only.
//
//	etcd-peer serve DIR                         runs one etcd on loopback; {"endpoint"} when it is ready
//	etcd-peer member FILE                       one member as etcd's own configuration FILE says
//	etcd-peer load ENDPOINT FILE WATCHERS RATE SECONDS WRITING   puts and watches; {"p50","p99","delivered","offered"}
//
//	etcd-peer fill ENDPOINT COUNT               endpoints as Calico writes them, and their pool
//	etcd-peer read ENDPOINT                     reads and decodes them; {"endpoints","seconds","listed"}
//
// FILE has the values, each with its length (32 bits, little endian) before it.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "member":
		err = member(os.Args[2])
	case len(os.Args) == 8 && os.Args[1] == "load":
		err = load(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6], os.Args[7])
	case len(os.Args) == 4 && os.Args[1] == "fill":
		err = fill(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "read":
		err = read(os.Args[2])
	default:
		err = fmt.Errorf("usage: etcd-peer serve DIR | member FILE | load ENDPOINT FILE WATCHERS RATE SECONDS WRITING | fill ENDPOINT COUNT | read ENDPOINT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
