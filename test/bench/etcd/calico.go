package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	resources = "/calico/resources/v3/projectcalico.org/"
	fillOps   = 100
	pools     = 4
)

// workloadEndpoint has the fields of Calico's type (v3.32.1, libcalico-go/lib/apis/v3/workloadendpoint.go), with those of Kubernetes' TypeMeta and
// ObjectMeta: its own client decodes all of them.
type workloadEndpoint struct {
	Kind       string   `json:"kind,omitempty"`
	APIVersion string   `json:"apiVersion,omitempty"`
	Metadata   metadata `json:"metadata,omitempty"`
	Spec       wepSpec  `json:"spec,omitempty"`
}

type metadata struct {
	Name                       string            `json:"name,omitempty"`
	GenerateName               string            `json:"generateName,omitempty"`
	Namespace                  string            `json:"namespace,omitempty"`
	SelfLink                   string            `json:"selfLink,omitempty"`
	UID                        string            `json:"uid,omitempty"`
	ResourceVersion            string            `json:"resourceVersion,omitempty"`
	Generation                 int64             `json:"generation,omitempty"`
	CreationTimestamp          timestamp         `json:"creationTimestamp,omitempty"`
	DeletionTimestamp          *timestamp        `json:"deletionTimestamp,omitempty"`
	DeletionGracePeriodSeconds *int64            `json:"deletionGracePeriodSeconds,omitempty"`
	Labels                     map[string]string `json:"labels,omitempty"`
	Annotations                map[string]string `json:"annotations,omitempty"`
	OwnerReferences            []ownerReference  `json:"ownerReferences,omitempty"`
	Finalizers                 []string          `json:"finalizers,omitempty"`
}

type ownerReference struct {
	APIVersion         string `json:"apiVersion"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	UID                string `json:"uid"`
	Controller         *bool  `json:"controller,omitempty"`
	BlockOwnerDeletion *bool  `json:"blockOwnerDeletion,omitempty"`
}

// timestamp is decoded as Kubernetes' metav1.Time is: a text, then a time of the local zone.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(bytes []byte) error {
	if string(bytes) == "null" {
		t.Time = time.Time{}
		return nil
	}
	var text string
	if err := json.Unmarshal(bytes, &text); err != nil {
		return err
	}
	parsed, err := time.Parse(time.RFC3339, text)
	t.Time = parsed.Local()
	return err
}

type wepSpec struct {
	Orchestrator               string    `json:"orchestrator,omitempty"`
	Workload                   string    `json:"workload,omitempty"`
	Node                       string    `json:"node,omitempty"`
	ContainerID                string    `json:"containerID,omitempty"`
	Pod                        string    `json:"pod,omitempty"`
	Endpoint                   string    `json:"endpoint,omitempty"`
	ServiceAccountName         string    `json:"serviceAccountName,omitempty"`
	IPNetworks                 []string  `json:"ipNetworks,omitempty"`
	IPNATs                     []wepNAT  `json:"ipNATs,omitempty"`
	IPv4Gateway                string    `json:"ipv4Gateway,omitempty"`
	IPv6Gateway                string    `json:"ipv6Gateway,omitempty"`
	Profiles                   []string  `json:"profiles,omitempty"`
	InterfaceName              string    `json:"interfaceName,omitempty"`
	MAC                        string    `json:"mac,omitempty"`
	Ports                      []wepPort `json:"ports,omitempty"`
	AllowSpoofedSourcePrefixes []string  `json:"allowSpoofedSourcePrefixes,omitempty"`
}

type wepNAT struct {
	InternalIP string `json:"internalIP"`
	ExternalIP string `json:"externalIP"`
	Source     string `json:"source"`
}

type wepPort struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port"`
	HostPort uint16 `json:"hostPort"`
	HostIP   string `json:"hostIP"`
}

// resourceKey is what Calico's client makes of each key, by this very expression (libcalico-go/lib/backend/model/resource.go).
type resourceKey struct{ Kind, Namespace, Name string }

var namespaced = regexp.MustCompile("^/calico/resources/v3/projectcalico[.]org/([^/]+)/([^/]+)/([^/]+)$")

func keyOf(path string) (resourceKey, error) {
	found := namespaced.FindAllStringSubmatch(path, -1)
	if len(found) != 1 || found[0][1] != "workloadendpoints" {
		return resourceKey{}, fmt.Errorf("%s is no endpoint's key", path)
	}
	return resourceKey{Kind: "WorkloadEndpoint", Namespace: found[0][2], Name: found[0][3]}, nil
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
			CreationTimestamp: timestamp{time.Unix(1700000000, 0).UTC()},
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

// read lists the endpoints as Calico's own client does, the whole prefix at once, and decodes each with its key.
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
	endpoints := make(map[resourceKey]*workloadEndpoint, len(response.Kvs))
	for _, kv := range response.Kvs {
		key, err := keyOf(string(kv.Key))
		if err != nil {
			return err
		}
		value := new(workloadEndpoint)
		if err := json.Unmarshal(kv.Value, value); err != nil {
			return err
		}
		endpoints[key] = value
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"endpoints": float64(len(endpoints)), "seconds": time.Since(began).Seconds(), "listed": listed.Seconds(),
	})
}
