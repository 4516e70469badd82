package main

// exec, attach and port-forward: the runtime answers with a URL, which is then spoken to by SPDY.

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	api "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func execute(flags *flag.FlagSet) func(*client, []string) error {
	var sync, stdin, tty boolean
	timeout := seconds(0)
	both(flags, &sync, "sync", "s")
	both(flags, &stdin, "interactive", "i")
	both(flags, &tty, "tty", "t")
	flags.Var(&timeout, "timeout", "")
	return func(c *client, args []string) error {
		if sync {
			out, errors, err := c.runtime.ExecSync(c, args[0], args[1:], time.Duration(timeout))
			if err != nil {
				return fmt.Errorf("execing command in container %s synchronously: %w", args[0], err)
			}
			os.Stdout.Write(out)
			os.Stderr.Write(errors)
			return nil
		}
		answer, err := c.runtime.Exec(c, &api.ExecRequest{ContainerId: args[0], Cmd: args[1:], Tty: bool(tty),
			Stdin: bool(stdin), Stdout: true, Stderr: !bool(tty)})
		if err == nil {
			err = stream(c, answer.Url, bool(stdin), bool(tty))
		}
		if err != nil {
			return fmt.Errorf("execing command in container %s: %w", args[0], err)
		}
		return nil
	}
}

func attach(flags *flag.FlagSet) func(*client, []string) error {
	var stdin, tty boolean
	both(flags, &stdin, "stdin", "i")
	both(flags, &tty, "tty", "t")
	return func(c *client, args []string) error {
		answer, err := c.runtime.Attach(c, &api.AttachRequest{ContainerId: args[0], Tty: bool(tty),
			Stdin: bool(stdin), Stdout: true, Stderr: !bool(tty)})
		if err == nil {
			err = stream(c, answer.Url, bool(stdin), bool(tty))
		}
		if err != nil {
			return fmt.Errorf("attaching to container %s: %w", args[0], err)
		}
		return nil
	}
}

// sizes tells the far end our terminal's size, now and whenever it changes.
type sizes chan os.Signal

func (s sizes) Next() *remotecommand.TerminalSize {
	<-s
	width, height, err := term.GetSize(int(os.Stdin.Fd()))
	if err != nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: uint16(width), Height: uint16(height)}
}

func stream(c *client, address string, stdin, tty bool) error {
	where, err := url.Parse(address)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, "POST", where)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Stdout: os.Stdout, Stderr: os.Stderr, Tty: tty}
	if stdin {
		options.Stdin = os.Stdin
	}
	if tty {
		options.Stderr = nil
	}
	if tty && stdin && term.IsTerminal(int(os.Stdin.Fd())) {
		before, err := term.MakeRaw(int(os.Stdin.Fd()))
		if err != nil {
			return err
		}
		defer func() { _ = term.Restore(int(os.Stdin.Fd()), before) }()
		changes := make(sizes, 1)
		changes <- syscall.SIGWINCH
		signal.Notify(changes, syscall.SIGWINCH)
		options.TerminalSizeQueue = changes
	}
	return executor.StreamWithContext(c, options)
}

func portForward(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, args []string) error {
		answer, err := c.runtime.PortForward(c, &api.PortForwardRequest{PodSandboxId: args[0]})
		if err != nil {
			return fmt.Errorf("port forward: %w", err)
		}
		where, err := url.Parse(answer.Url)
		if err != nil {
			return err
		}
		transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
		if err != nil {
			return err
		}
		dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", where)
		stop := make(chan struct{})
		interrupts := make(chan os.Signal, 1)
		signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
		go func() {
			<-interrupts
			close(stop)
		}()
		var out io.Writer = os.Stdout
		forwarder, err := portforward.New(dialer, args[1:], stop, make(chan struct{}), out, os.Stderr)
		if err != nil {
			return fmt.Errorf("port forward %s: %w", strings.Join(args[1:], " "), err)
		}
		return forwarder.ForwardPorts()
	}
}
