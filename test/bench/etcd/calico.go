package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	resources = "/calico/resources/v3/projectcalico.org/"
	fillOps   = 100
	pools     = 4
)

// workloadEndpoint is as much of Calico's type as a reader of identity needs.
type workloadEndpoint struct {
	Kind       string   `json:"kind"`
	APIVersion string   `json:"apiVersion"`
	Metadata   metadata `json:"metadata"`
	Spec       wepSpec  `json:"spec"`
}

type metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	Labels            map[string]string `json:"labels"`
}

type wepSpec struct {
	Orchestrator       string    `json:"orchestrator"`
	Node               string    `json:"node"`
	ContainerID        string    `json:"containerID"`
	Pod                string    `json:"pod"`
	Endpoint           string    `json:"endpoint"`
	ServiceAccountName string    `json:"serviceAccountName"`
	IPNetworks         []string  `json:"ipNetworks"`
	Profiles           []string  `json:"profiles"`
	InterfaceName      string    `json:"interfaceName"`
	Ports              []wepPort `json:"ports,omitempty"`
}

type wepPort struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port"`
}

func endpointAt(n int) (string, workloadEndpoint) {
	node := fmt.Sprintf("node-%d", n%500)
	name := fmt.Sprintf("web-%d", n)
	key := fmt.Sprintf("%sworkloadendpoints/shop/node--%d-k8s-web--%d-eth0", resources, n%500, n)
	return key, workloadEndpoint{
		Kind:       "WorkloadEndpoint",
		APIVersion: "projectcalico.org/v3",
		Metadata: metadata{
			Name: fmt.Sprintf("node--%d-k8s-web--%d-eth0", n%500, n), Namespace: "shop",
			UID:               fmt.Sprintf("8f4c1c52-3a1e-4d3a-9a55-%012d", n),
			CreationTimestamp: time.Unix(1700000000, 0).UTC(),
			Labels: map[string]string{
				"app": fmt.Sprintf("app-%d", n%200), "version": fmt.Sprintf("v%d", n%7),
				"projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s",
				"projectcalico.org/serviceaccount": "default",
			},
		},
		Spec: wepSpec{
			Orchestrator: "k8s", Node: node, Pod: name, Endpoint: "eth0", ServiceAccountName: "default",
			ContainerID:   fmt.Sprintf("%064x", n),
			IPNetworks:    []string{fmt.Sprintf("10.%d.%d.%d/32", 64+n>>16, n>>8&255, n&255)},
			Profiles:      []string{"kns.shop", "ksa.shop.default"},
			InterfaceName: fmt.Sprintf("cali%011x", n),
		},
	}
}

// fill puts the endpoints of a cluster, up to 262,144, and its pools.
func fill(endpoint, countText string) error {
	count, err := strconv.Atoi(countText)
	if err != nil {
		return err
	}
	client, err := connect(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	for n := range pools {
		pool := fmt.Sprintf(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pods-%d"},"spec":{"cidr":"10.%d.0.0/16"}}`, n, 64+n)
		if _, err := client.Put(context.Background(), fmt.Sprintf("%sippools/pods-%d", resources, n), pool); err != nil {
			return err
		}
	}
	for from := 0; from < count; from += fillOps {
		ops := make([]clientv3.Op, 0, fillOps)
		for n := from; n < min(from+fillOps, count); n++ {
			key, value := endpointAt(n)
			bytes, err := json.Marshal(value)
			if err != nil {
				return err
			}
			ops = append(ops, clientv3.OpPut(key, string(bytes)))
		}
		if _, err := client.Txn(context.Background()).Then(ops...).Commit(); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int{"filled": count})
}

// read lists the endpoints as Calico's own client does, the whole prefix at once, and decodes each.
func read(endpoint string) error {
	client, err := connect(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	response, err := client.Get(context.Background(), resources+"workloadendpoints/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	listed := time.Since(began)
	endpoints := make(map[string]*workloadEndpoint, len(response.Kvs))
	for _, kv := range response.Kvs {
		value := new(workloadEndpoint)
		if err := json.Unmarshal(kv.Value, value); err != nil {
			return err
		}
		endpoints[string(kv.Key)] = value
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"endpoints": float64(len(endpoints)), "seconds": time.Since(began).Seconds(), "listed": listed.Seconds(),
	})
}
