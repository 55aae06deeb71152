package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
)

// ready is the one line on standard output.
type ready struct {
	Event      string `json:"event"`
	Kubeconfig string `json:"kubeconfig"`
	// POST /compact: forget etcd's whole history and restart the API server, so that old watches and list continuations get 410.
	// POST /restart: restart the API server only. POST /stop, POST /start: take it away and bring it back.
	Control string  `json:"control"`
	Seconds float64 `json:"seconds"`
}

func serve() error {
	began := time.Now()
	dirFlag := flag.String("dir", "", "folder for everything; made when absent")
	flag.Parse()
	dir, err := filepath.Abs(*dirFlag)
	if err != nil || *dirFlag == "" {
		return fmt.Errorf("--dir is missing")
	}
	if err := os.MkdirAll(filepath.Join(dir, "certs"), 0o700); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	apiPort, etcdPort, peerPort := ports[0], ports[1], ports[2]
	etcd, err := startEtcd(dir, etcdPort, peerPort)
	if err != nil {
		return err
	}
	defer etcd.Close()
	creds, err := makeCredentials(dir, apiPort)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	api := &child{role: "apiserver", log: filepath.Join(dir, "apiserver.log"), args: apiserverArgs(dir, creds, apiPort, etcdPort)}
	plane := &plane{etcd: etcd, api: api, probe: fmt.Sprintf("https://127.0.0.1:%d/readyz", apiPort)}
	if err := plane.startAPI(); err != nil {
		return err
	}
	controllers := &child{role: "controllers", log: filepath.Join(dir, "controllers.log"), args: []string{
		"--kubeconfig=" + creds.kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
		"--controllers=endpointslice-controller,endpointslice-mirroring-controller,namespace-controller,serviceaccount-controller",
		"--service-account-private-key-file=" + creds.keyFile, "--use-service-account-credentials=false",
	}}
	controllers.restartOnExit = true
	if err := controllers.start(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	line, err := json.Marshal(ready{"ready", creds.kubeconfig, "http://" + listener.Addr().String(), time.Since(began).Seconds()})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return http.Serve(listener, plane.control())
}

func startEtcd(dir string, clientPort, peerPort int) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.LogLevel = "error"
	config.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	client := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", clientPort)}
	peer := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", peerPort)}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A test's data does not outlive the test.
	config.UnsafeNoFsync = true
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case <-time.After(60 * time.Second):
		etcd.Close()
		return nil, fmt.Errorf("etcd was not ready within 60 s")
	}
}

// auditPolicy has what the relay's own account asks, so that its roles can be compared with it: audit.log in the folder.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["system:serviceaccount:catwalk:catwalk-relay"]
- level: None
`

func apiserverArgs(dir string, creds credentials, port, etcdPort int) []string {
	return []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcdPort),
		fmt.Sprintf("--secure-port=%d", port),
		"--bind-address=127.0.0.1",
		"--cert-dir=" + filepath.Join(dir, "certs"),
		"--token-auth-file=" + creds.tokenFile,
		"--authorization-mode=Node,RBAC",
		"--endpoint-reconciler-type=none",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + creds.publicKeyFile,
		"--service-account-signing-key-file=" + creds.keyFile,
		"--service-cluster-ip-range=10.96.0.0/16,fd96::/112",
		"--disable-admission-plugins=DefaultIngressClass,StorageObjectInUseProtection",
		"--audit-policy-file=" + filepath.Join(dir, "audit.yaml"),
		"--audit-log-path=" + filepath.Join(dir, "audit.log"),
		"--storage-media-type=application/vnd.kubernetes.protobuf",
		"--etcd-compaction-interval=0",
		// What is asked for is what is stored: no bounds on a test's own writes.
		"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000",
	}
}

// plane is what the control endpoint steers.
type plane struct {
	mutex sync.Mutex
	etcd  *embed.Etcd
	api   *child
	probe string
}

func (p *plane) startAPI() error {
	if err := p.api.start(); err != nil {
		return err
	}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) {
		if p.api.exited() {
			return fmt.Errorf("kube-apiserver ended at its start, see %s", p.api.log)
		}
		if response, err := client.Get(p.probe); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("kube-apiserver was not ready within 90 s, see %s", p.api.log)
}

func (p *plane) control() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, act func(context.Context) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			if err := act(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	handle("/compact", func(ctx context.Context) error {
		p.api.stop()
		revision := p.etcd.Server.KV().Rev()
		if _, err := p.etcd.Server.Compact(ctx, &etcdserverpb.CompactionRequest{Revision: revision, Physical: true}); err != nil {
			return err
		}
		return p.startAPI()
	})
	handle("/restart", func(context.Context) error { p.api.stop(); return p.startAPI() })
	handle("/stop", func(context.Context) error { p.api.stop(); return nil })
	handle("/start", func(context.Context) error { return p.startAPI() })
	return mux
}

func freePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
