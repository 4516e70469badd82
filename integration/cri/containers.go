package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	api "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
)

func (c *client) createIn(pod string, containerFile string, podConfig *api.PodSandboxConfig) (string, error) {
	container := &api.ContainerConfig{}
	if err := read(containerFile, container); err != nil {
		return "", err
	}
	id, err := c.runtime.CreateContainer(c, pod, container, podConfig)
	if err != nil {
		return "", fmt.Errorf("creating container: %w", err)
	}
	return id, nil
}

func create(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, args []string) error {
		pod := &api.PodSandboxConfig{}
		if err := read(args[2], pod); err != nil {
			return err
		}
		id, err := c.createIn(args[0], args[1], pod)
		if err == nil {
			fmt.Println(id)
		}
		return err
	}
}

func (c *client) start(id string) error {
	if err := c.runtime.StartContainer(c, id); err != nil {
		return fmt.Errorf("starting the container %q: %w", id, err)
	}
	fmt.Println(id)
	return nil
}

func start(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, args []string) error { return each(args, c.start) }
}

func run(flags *flag.FlagSet) func(*client, []string) error {
	var handler text
	both(flags, &handler, "runtime", "r")
	return func(c *client, args []string) error {
		pod := &api.PodSandboxConfig{}
		if err := read(args[1], pod); err != nil {
			return err
		}
		sandbox, err := c.runtime.RunPodSandbox(c, pod, string(handler))
		if err != nil {
			return fmt.Errorf("run pod sandbox: %w", err)
		}
		id, err := c.createIn(sandbox, args[0], pod)
		if err != nil {
			return err
		}
		return c.start(id)
	}
}

func stop(flags *flag.FlagSet) func(*client, []string) error {
	timeout := seconds(0)
	both(flags, &timeout, "timeout", "t")
	return func(c *client, args []string) error {
		return each(args, func(id string) error {
			if err := c.runtime.StopContainer(c, id, int64(time.Duration(timeout).Seconds())); err != nil {
				return fmt.Errorf("stopping the container %q: %w", id, err)
			}
			fmt.Println(id)
			return nil
		})
	}
}

func removeContainers(flags *flag.FlagSet) func(*client, []string) error {
	var force, all boolean
	both(flags, &force, "force", "f")
	both(flags, &all, "all", "a")
	return func(c *client, args []string) error {
		if all {
			containers, err := c.runtime.ListContainers(c, nil)
			if err != nil {
				return err
			}
			for _, container := range containers {
				args = append(args, container.Id)
			}
		}
		return each(args, func(id string) error {
			if force {
				if err := c.runtime.StopContainer(c, id, 0); err != nil {
					return fmt.Errorf("stopping the container %q: %w", id, err)
				}
			}
			if err := c.runtime.RemoveContainer(c, id); err != nil {
				return fmt.Errorf("removing container %q: %w", id, err)
			}
			fmt.Println(id)
			return nil
		})
	}
}

func inspectContainers(flags *flag.FlagSet) func(*client, []string) error {
	flags.String("o", "json", "")
	return func(c *client, args []string) error {
		return each(args, func(id string) error {
			answer, err := c.runtime.ContainerStatus(c, id, true)
			if err != nil {
				return fmt.Errorf("getting the status of the container %q: %w", id, err)
			}
			return printStatus(answer.Status, answer.Info)
		})
	}
}

func listContainers(flags *flag.FlagSet) func(*client, []string) error {
	var list listing
	list.declare(flags)
	var all boolean
	var pod text
	both(flags, &all, "all", "a")
	both(flags, &pod, "pod", "p")
	return func(c *client, _ []string) error {
		filter := &api.ContainerFilter{PodSandboxId: string(pod)}
		if state, known := api.ContainerState_value["CONTAINER_"+upper(list.state)]; known {
			filter.State = &api.ContainerStateValue{State: api.ContainerState(state)}
		} else if !all {
			filter.State = &api.ContainerStateValue{State: api.ContainerState_CONTAINER_RUNNING}
		}
		containers, err := c.runtime.ListContainers(c, filter)
		if err != nil {
			return err
		}
		return list.print(&api.ListContainersResponse{Containers: containers}, func() [][]string {
			rows := [][]string{{"CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID"}}
			for _, it := range containers {
				if list.wants(it.Metadata.Name) {
					rows = append(rows, []string{it.Id, it.Image.Image, ago(it.CreatedAt), title(it.State.String()), it.Metadata.Name,
						fmt.Sprint(it.Metadata.Attempt), short(it.PodSandboxId)})
				}
			}
			return rows
		})
	}
}

func update(flags *flag.FlagSet) func(*client, []string) error {
	resources := &api.LinuxContainerResources{}
	flags.Int64Var(&resources.CpuPeriod, "cpu-period", 0, "")
	flags.Int64Var(&resources.CpuQuota, "cpu-quota", 0, "")
	flags.Int64Var(&resources.CpuShares, "cpu-share", 0, "")
	flags.StringVar(&resources.CpusetCpus, "cpuset-cpus", "", "")
	flags.StringVar(&resources.CpusetMems, "cpuset-mems", "", "")
	flags.Int64Var(&resources.MemoryLimitInBytes, "memory", 0, "")
	return func(c *client, args []string) error {
		return each(args, func(id string) error {
			if err := c.runtime.UpdateContainerResources(c, id, &api.ContainerResources{Linux: resources}); err != nil {
				return fmt.Errorf("updating container resources of %q: %w", id, err)
			}
			fmt.Println(id)
			return nil
		})
	}
}

func logsOf(flags *flag.FlagSet) func(*client, []string) error {
	var follow boolean
	both(flags, &follow, "follow", "f")
	tail := flags.Int64("tail", -1, "")
	return func(c *client, args []string) error {
		answer, err := c.runtime.ContainerStatus(c, args[0], false)
		if err != nil {
			return err
		}
		if answer.Status.LogPath == "" {
			return fmt.Errorf("the container %q has no log", args[0])
		}
		options := &logs.LogOptions{Follow: bool(follow)}
		if *tail >= 0 {
			options.TailLines = tail
		}
		if err := logs.ReadLogs(c, answer.Status.LogPath, answer.Status.Id, options, c.runtime, os.Stdout, os.Stderr); err != nil {
			return fmt.Errorf("reading the log of %q: %w", args[0], err)
		}
		return nil
	}
}
