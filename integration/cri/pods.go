package main

import (
	"flag"
	"fmt"

	api "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func runPod(flags *flag.FlagSet) func(*client, []string) error {
	var handler text
	both(flags, &handler, "runtime", "r")
	return func(c *client, args []string) error {
		pod := &api.PodSandboxConfig{}
		if err := read(args[0], pod); err != nil {
			return err
		}
		id, err := c.runtime.RunPodSandbox(c, pod, string(handler))
		if err != nil {
			return fmt.Errorf("run pod sandbox: %w", err)
		}
		fmt.Println(id)
		return nil
	}
}

func stopPods(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, args []string) error {
		return each(args, func(id string) error {
			if err := c.runtime.StopPodSandbox(c, id); err != nil {
				return fmt.Errorf("stopping the pod sandbox %q: %w", id, err)
			}
			fmt.Printf("Stopped sandbox %s\n", id)
			return nil
		})
	}
}

func removePods(flags *flag.FlagSet) func(*client, []string) error {
	var force, all boolean
	both(flags, &force, "force", "f")
	both(flags, &all, "all", "a")
	return func(c *client, args []string) error {
		if all {
			pods, err := c.runtime.ListPodSandbox(c, nil)
			if err != nil {
				return err
			}
			for _, pod := range pods {
				args = append(args, pod.Id)
			}
		}
		return each(args, func(id string) error {
			if force {
				if err := c.runtime.StopPodSandbox(c, id); err != nil {
					return fmt.Errorf("stopping the pod sandbox %q: %w", id, err)
				}
			}
			if err := c.runtime.RemovePodSandbox(c, id); err != nil {
				return fmt.Errorf("removing the pod sandbox %q: %w", id, err)
			}
			fmt.Printf("Removed sandbox %s\n", id)
			return nil
		})
	}
}

func inspectPods(flags *flag.FlagSet) func(*client, []string) error {
	flags.String("o", "json", "")
	return func(c *client, args []string) error {
		return each(args, func(id string) error {
			answer, err := c.runtime.PodSandboxStatus(c, id, true)
			if err != nil {
				return fmt.Errorf("getting the status of the pod sandbox %q: %w", id, err)
			}
			return printStatus(answer.Status, answer.Info)
		})
	}
}

func listPods(flags *flag.FlagSet) func(*client, []string) error {
	var list listing
	list.declare(flags)
	var label text
	flags.Var(&label, "label", "")
	return func(c *client, _ []string) error {
		filter := &api.PodSandboxFilter{LabelSelector: selector(string(label))}
		switch list.state {
		case "ready", "Ready":
			filter.State = &api.PodSandboxStateValue{State: api.PodSandboxState_SANDBOX_READY}
		case "notready", "NotReady":
			filter.State = &api.PodSandboxStateValue{State: api.PodSandboxState_SANDBOX_NOTREADY}
		}
		pods, err := c.runtime.ListPodSandbox(c, filter)
		if err != nil {
			return err
		}
		return list.print(&api.ListPodSandboxResponse{Items: pods}, func() [][]string {
			rows := [][]string{{"POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"}}
			for _, pod := range pods {
				if !list.wants(pod.Metadata.Name) {
					continue
				}
				state := "Ready"
				if pod.State != api.PodSandboxState_SANDBOX_READY {
					state = "NotReady"
				}
				runtime := pod.RuntimeHandler
				if runtime == "" {
					runtime = "(default)"
				}
				rows = append(rows, []string{pod.Id, ago(pod.CreatedAt), state, pod.Metadata.Name, pod.Metadata.Namespace,
					fmt.Sprint(pod.Metadata.Attempt), runtime})
			}
			return rows
		})
	}
}
