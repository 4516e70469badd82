// A small client of the Kubernetes container runtime interface (CRI): crictl's verbs, options and JSON files, as far
// as the stories use them, for machines that have no crictl. It prints what crictl prints where a script would parse it.
// Status 0, or 1 with one sentence on stderr; the exit code of a command that was run in a container is in that sentence.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	internalapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
)

// client is what a verb works with.
type client struct {
	context.Context
	runtime internalapi.RuntimeService
	images  internalapi.ImageManagerService
}

type verb struct {
	usage string
	least int // positional arguments
	setup func(*flag.FlagSet) func(*client, []string) error
}

var verbs = map[string]verb{
	"version":      {"", 0, version},
	"info":         {"", 0, info},
	"images":       {"[-q] [-o json]", 0, images},
	"imagefsinfo":  {"", 0, imageFsInfo},
	"rmi":          {"IMAGE...", 1, removeImages},
	"runp":         {"[-r HANDLER] POD.json", 1, runPod},
	"pods":         {"[-q] [-o json] [--name N] [--state S] [--label K=V]", 0, listPods},
	"inspectp":     {"POD...", 1, inspectPods},
	"stopp":        {"POD...", 1, stopPods},
	"rmp":          {"[-f] [-a] POD...", 0, removePods},
	"statsp":       {"[-o json] [POD]", 0, podStats},
	"create":       {"POD CONTAINER.json POD.json", 3, create},
	"start":        {"CONTAINER...", 1, start},
	"run":          {"[-r HANDLER] CONTAINER.json POD.json", 2, run},
	"ps":           {"[-a] [-q] [-o json] [-p POD] [--name N] [--state S]", 0, listContainers},
	"inspect":      {"CONTAINER...", 1, inspectContainers},
	"stop":         {"[--timeout SECONDS] CONTAINER...", 1, stop},
	"rm":           {"[-f] [-a] CONTAINER...", 0, removeContainers},
	"stats":        {"[-a] [-o json] [CONTAINER]", 0, containerStats},
	"update":       {"[--cpu-period N] [--cpu-quota N] [--cpu-share N] [--cpuset-cpus L] [--memory N] CONTAINER...", 1, update},
	"logs":         {"[-f] [--tail N] CONTAINER", 1, logsOf},
	"exec":         {"[-i] [-t] | -s [--timeout SECONDS] CONTAINER COMMAND...", 2, execute},
	"attach":       {"[-i] [-t] CONTAINER", 1, attach},
	"port-forward": {"POD [LOCAL:]REMOTE...", 2, portForward},
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: cri [-r ENDPOINT] [-t TIMEOUT] VERB ...")
	names := make([]string, 0, len(verbs))
	for name := range verbs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(os.Stderr, "  %-13s %s\n", name, verbs[name].usage)
	}
	os.Exit(2)
}

// seconds is a duration that may be written as a plain number.
type seconds time.Duration

func (s *seconds) String() string { return time.Duration(*s).String() }
func (s *seconds) Set(text string) error {
	if number, err := strconv.Atoi(text); err == nil {
		*s = seconds(time.Duration(number) * time.Second)
		return nil
	}
	duration, err := time.ParseDuration(text)
	*s = seconds(duration)
	return err
}

// both declares a flag under its long and its short name.
func both(flags *flag.FlagSet, value flag.Value, long, short string) {
	flags.Var(value, long, "")
	flags.Var(value, short, "")
}

type boolean bool

func (b *boolean) String() string   { return strconv.FormatBool(bool(*b)) }
func (b *boolean) IsBoolFlag() bool { return true }
func (b *boolean) Set(text string) error {
	value, err := strconv.ParseBool(text)
	*b = boolean(value)
	return err
}

type text string

func (t *text) String() string { return string(*t) }
func (t *text) Set(value string) error {
	*t = text(value)
	return nil
}

// separated splits -it into -i -t, up to the first positional argument.
func separated(args []string) []string {
	var out []string
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return append(out, args[i:]...)
		}
		if letters := strings.TrimPrefix(arg, "-"); len(letters) == 2 && strings.Trim(letters, "its") == "" {
			out = append(out, "-"+letters[:1], "-"+letters[1:])
		} else {
			out = append(out, arg)
		}
	}
	return out
}

func connect(ctx context.Context, endpoint string, timeout time.Duration) (*client, error) {
	runtime, err := cri.NewRemoteRuntimeService(ctx, endpoint, timeout, nil, false)
	if err != nil {
		return nil, err
	}
	images, err := cri.NewRemoteImageService(ctx, endpoint, timeout, nil, false)
	return &client{ctx, runtime, images}, err
}

func main() {
	endpoint, timeout := text("unix:///run/containerd/containerd.sock"), seconds(2*time.Second)
	if value := os.Getenv("CONTAINER_RUNTIME_ENDPOINT"); value != "" {
		endpoint = text(value)
	}
	global := flag.NewFlagSet("cri", flag.ExitOnError)
	global.Usage = usage
	both(global, &endpoint, "runtime-endpoint", "r")
	both(global, &timeout, "timeout", "t")
	_ = global.Parse(os.Args[1:])
	chosen, known := verbs[global.Arg(0)]
	if !known {
		usage()
	}
	flags := flag.NewFlagSet(global.Arg(0), flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: cri %s %s\n", global.Arg(0), chosen.usage)
		os.Exit(2)
	}
	action := chosen.setup(flags)
	_ = flags.Parse(separated(global.Args()[1:]))
	if flags.NArg() < chosen.least {
		flags.Usage()
	}
	// What fails is said once, by us.
	ctx := klog.NewContext(context.Background(), logr.Discard())
	klog.SetLogger(logr.Discard())
	c, err := connect(ctx, string(endpoint), time.Duration(timeout))
	if err == nil {
		err = action(c, flags.Args())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cri: %v\n", err)
		os.Exit(1)
	}
}

// each does the same to all names, goes on after a failure and returns all that failed.
func each(names []string, action func(string) error) error {
	var failures []error
	for _, name := range names {
		if err := action(name); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
