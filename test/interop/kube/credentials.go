package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// credentials are made anew for every folder: an administrator's token and the key that signs service account tokens.
type credentials struct {
	tokenFile, keyFile, publicKeyFile, kubeconfig string
}

func makeCredentials(dir string, port int) (credentials, error) {
	c := credentials{
		tokenFile:     filepath.Join(dir, "tokens.csv"),
		keyFile:       filepath.Join(dir, "service-accounts.key"),
		publicKeyFile: filepath.Join(dir, "service-accounts.pub"),
		kubeconfig:    filepath.Join(dir, "kubeconfig.yaml"),
	}
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return c, err
	}
	token := hex.EncodeToString(raw)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return c, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return c, err
	}
	files := map[string][]byte{
		c.tokenFile:     []byte(token + `,admin,admin,"system:masters"` + "\n"),
		c.keyFile:       pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		c.publicKeyFile: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		c.kubeconfig:    []byte(fmt.Sprintf(kubeconfigText, port, filepath.Join(dir, "certs", "apiserver.crt"), token)),
	}
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return c, err
		}
	}
	return c, nil
}

// The API server signs its own certificate and appends the CA to it, so the same file is the authority.
const kubeconfigText = `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: "https://127.0.0.1:%d", certificate-authority: %q}
users:
- name: admin
  user: {token: %q}
contexts:
- name: test
  context: {cluster: test, user: admin}
current-context: test
`
