package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"time"

	api "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func version(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, _ []string) error {
		answer, err := c.runtime.Version(c, "v1")
		if err == nil {
			fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n",
				answer.Version, answer.RuntimeName, answer.RuntimeVersion, answer.RuntimeApiVersion)
		}
		return err
	}
}

func info(flags *flag.FlagSet) func(*client, []string) error {
	flags.String("o", "json", "")
	return func(c *client, _ []string) error {
		answer, err := c.runtime.Status(c, true)
		if err != nil {
			return err
		}
		status, err := plain(answer.Status)
		if err != nil {
			return err
		}
		all := map[string]any{"status": status}
		for name, text := range answer.Info {
			var value any
			if json.Unmarshal([]byte(text), &value) != nil {
				value = text
			}
			all[name] = value
		}
		return printJSON(all)
	}
}

func images(flags *flag.FlagSet) func(*client, []string) error {
	var list listing
	list.declare(flags)
	return func(c *client, _ []string) error {
		found, err := c.images.ListImages(c, nil)
		if err != nil {
			return err
		}
		return list.print(&api.ListImagesResponse{Images: found}, func() [][]string {
			rows := [][]string{{"IMAGE ID", "IMAGE", "SIZE"}}
			for _, image := range found {
				name := "<none>"
				if len(image.RepoTags) > 0 {
					name = image.RepoTags[0]
				}
				rows = append(rows, []string{image.Id, name, size(image.Size)})
			}
			return rows
		})
	}
}

func imageFsInfo(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, _ []string) error {
		answer, err := c.images.ImageFsInfo(c)
		if err != nil {
			return err
		}
		return printMessage(answer)
	}
}

func removeImages(*flag.FlagSet) func(*client, []string) error {
	return func(c *client, args []string) error {
		return each(args, func(name string) error {
			return c.images.RemoveImage(c, &api.ImageSpec{Image: name})
		})
	}
}

func containerStats(flags *flag.FlagSet) func(*client, []string) error {
	var list listing
	list.declare(flags)
	var all boolean
	both(flags, &all, "all", "a")
	return func(c *client, args []string) error {
		filter := &api.ContainerStatsFilter{}
		if len(args) > 0 {
			filter.Id = args[0]
		}
		before := map[string]*api.CpuUsage{}
		first, err := c.runtime.ListContainerStats(c, filter)
		if err != nil {
			return err
		}
		for _, it := range first {
			before[it.Attributes.GetId()] = it.Cpu
		}
		if list.output != "json" {
			time.Sleep(time.Second)
		}
		second, err := c.runtime.ListContainerStats(c, filter)
		if err != nil {
			return err
		}
		return list.print(&api.ListContainerStatsResponse{Stats: second}, func() [][]string {
			rows := [][]string{{"CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES", "SWAP"}}
			for _, it := range second {
				rows = append(rows, []string{it.Attributes.GetId(), it.Attributes.GetMetadata().GetName(), share(before[it.Attributes.GetId()], it.Cpu),
					size(it.Memory.GetWorkingSetBytes().GetValue()), size(it.WritableLayer.GetUsedBytes().GetValue()),
					fmt.Sprint(it.WritableLayer.GetInodesUsed().GetValue()), size(it.Swap.GetSwapUsageBytes().GetValue())})
			}
			return rows
		})
	}
}

// share is how much of a CPU was used between two samples, in percent.
func share(from, to *api.CpuUsage) string {
	used := float64(to.GetUsageCoreNanoSeconds().GetValue()) - float64(from.GetUsageCoreNanoSeconds().GetValue())
	passed := float64(to.GetTimestamp() - from.GetTimestamp())
	if passed <= 0 {
		return "0.00"
	}
	return fmt.Sprintf("%.2f", used/passed*100)
}

func podStats(flags *flag.FlagSet) func(*client, []string) error {
	var list listing
	list.declare(flags)
	return func(c *client, args []string) error {
		filter := &api.PodSandboxStatsFilter{}
		if len(args) > 0 {
			filter.Id = args[0]
		}
		before := map[string]*api.CpuUsage{}
		first, err := c.runtime.ListPodSandboxStats(c, filter)
		if err != nil {
			return err
		}
		for _, it := range first {
			before[it.Attributes.GetId()] = it.Linux.GetCpu()
		}
		if list.output != "json" {
			time.Sleep(time.Second)
		}
		second, err := c.runtime.ListPodSandboxStats(c, filter)
		if err != nil {
			return err
		}
		return list.print(&api.ListPodSandboxStatsResponse{Stats: second}, func() [][]string {
			rows := [][]string{{"POD", "POD ID", "CPU %", "MEM"}}
			for _, it := range second {
				rows = append(rows, []string{it.Attributes.GetMetadata().GetName(), short(it.Attributes.GetId()),
					share(before[it.Attributes.GetId()], it.Linux.GetCpu()), size(it.Linux.GetMemory().GetWorkingSetBytes().GetValue())})
			}
			return rows
		})
	}
}
