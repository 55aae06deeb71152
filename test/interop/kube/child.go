package main

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// child is this binary in another role. Its standard input is a pipe that nobody writes to: it ends with us.
type child struct {
	role, log     string
	args          []string
	restartOnExit bool

	mutex   sync.Mutex
	command *exec.Cmd
	stdin   io.Closer
	done    chan struct{}
}

func (c *child) start() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	output, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	command := exec.Command(self, append([]string{c.role}, c.args...)...)
	command.Stdout, command.Stderr = output, output
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	c.command, c.stdin, c.done = command, stdin, done
	go func() {
		_ = command.Wait()
		close(done)
		if c.restartOnExit {
			// The controllers give up when the API server is away for long; back-off is one second, there is one of them.
			time.Sleep(time.Second)
			_ = c.start()
		}
	}()
	return nil
}

func (c *child) exited() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop kills at once: a graceful end of kube-apiserver waits for its watches.
func (c *child) stop() {
	c.mutex.Lock()
	command, done := c.command, c.done
	c.mutex.Unlock()
	if command == nil {
		return
	}
	_ = command.Process.Kill()
	<-done
}
