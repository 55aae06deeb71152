package main

import (
	"encoding/json"
	"io"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
)

// serve runs etcd with its defaults (every commit is synced to the disk) until standard input closes.
func serve(dir string) error {
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel = "error"
	config.QuotaBackendBytes = 8 << 30
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = free, free
	config.ListenPeerUrls, config.AdvertisePeerUrls = free, free
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	<-server.Server.ReadyNotify()
	ready := map[string]string{"endpoint": server.Clients[0].Addr().String()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// member runs one member of an etcd with its own configuration file until standard input closes.
func member(file string) error {
	config, err := embed.ConfigFromFile(file)
	if err != nil {
		return err
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	<-server.Server.ReadyNotify()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"endpoint": server.Clients[0].Addr().String()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
