package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/pkg/proxy"
)

// told is one line on standard output: what kube-proxy would route to after a change of slices.
type told struct {
	// By namespace/service:port.
	Endpoints map[string][]endpoint `json:"endpoints"`
}

type endpoint struct {
	At          string `json:"at"`
	Ready       bool   `json:"ready"`
	Serving     bool   `json:"serving"`
	Terminating bool   `json:"terminating"`
	Local       bool   `json:"local"`
}

// track follows the EndpointSlices of a namespace with kube-proxy's own tracker, as that of one node.
func track() error {
	kubeconfig := flag.String("kubeconfig", "", "whose slices")
	namespace := flag.String("namespace", "", "of the slices")
	node := flag.String("node", "", "name of the node that kube-proxy would run on")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	slices := client.DiscoveryV1().EndpointSlices(*namespace)
	// What kube-proxy itself leaves out.
	options := metav1.ListOptions{LabelSelector: "!service.kubernetes.io/headless"}
	list, err := slices.List(context.Background(), options)
	if err != nil {
		return err
	}
	tracker := proxy.NewEndpointsChangeTracker(v1.IPv4Protocol, *node, nil, nil)
	endpoints := proxy.EndpointsMap{}
	for i := range list.Items {
		tracker.EndpointSliceUpdate(&list.Items[i], false)
	}
	if err := tell(endpoints, tracker); err != nil {
		return err
	}
	options.ResourceVersion = list.ResourceVersion
	watched, err := slices.Watch(context.Background(), options)
	if err != nil {
		return err
	}
	for event := range watched.ResultChan() {
		slice, ok := event.Object.(*discovery.EndpointSlice)
		if !ok {
			return fmt.Errorf("the watch told %v", event)
		}
		tracker.EndpointSliceUpdate(slice, event.Type == watch.Deleted)
		if err := tell(endpoints, tracker); err != nil {
			return err
		}
	}
	return fmt.Errorf("the watch has ended")
}

func tell(endpoints proxy.EndpointsMap, tracker *proxy.EndpointsChangeTracker) error {
	endpoints.Update(tracker)
	line := told{Endpoints: map[string][]endpoint{}}
	for name, all := range endpoints {
		for _, one := range all {
			line.Endpoints[name.String()] = append(line.Endpoints[name.String()], endpoint{
				At: one.String(), Ready: one.IsReady(), Serving: one.IsServing(), Terminating: one.IsTerminating(), Local: one.IsLocal(),
			})
		}
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}
