"""The sixty questions about the sample plant. The page of each is looked up, so that it cannot go stale.

Answerable: kind | machine | document key | question | expected | anchor. `expected` must stand in the passage that
answers; where it alone stands on several pages, the anchor, which stands on one page only, tells the right one. A
machine in brackets is meant by the asker but not given with the question.
"""

ANSWERABLE = """
troubleshooting | HP-200 | press | What should I do when E207 shows up on the press? | check the precharge after section 7.6
troubleshooting | HP-200 | press | press alarm 204 | Element dirty, breather blocked
troubleshooting | HP-200 | press | The ram creeps downwards while it waits at the top, which valve is to blame? | replace the cartridge of V14
troubleshooting | HP-200 | press | e-222 keeps stopping the pump, which part can be stuck? | replace the thermostat element
troubleshooting | HP-200 | press | There is a bang each time the slide changes direction. What can I adjust? | Raise parameter P-14
troubleshooting | (HP-200) | press | Operators cannot start a stroke because the buttons are not pressed at the same moment, E 306 | contact of S12 worn
procedure | HP-200 | press | How do I swap the tool halves in the press? | Lower the slide onto the closed tool until the force
procedure | HP-200 | press | How is nitrogen refilled in the bladder accumulator? | 95 bar | fill slowly to 95 bar
procedure | HP-200 | press | Steps to exchange the filter in the return line | Unscrew the bowl with a hook spanner
specification | HP-200 | press | What torque for the bolts that hold the main cylinder of the press? | 1,650 | Flange of main cylinder
specification | HP-200 | press | At what pressure does the relief valve of the press open? | 265 | Setting of pressure relief valve V10
specification | HP-200 | press | how much oil does the small circulating pump of the press move per minute | 45 | Delivery of circulation pump P2
specification | HP-200 | press | Default value of the decompression time parameter | 180 | Decompression time 180
safety | HP-200 | press | What protects me when I undo the screws of the upper tool half? | Swing in the safety struts before you release a clamp screw
safety | HP-200 | press | Can I feel for a pinhole oil leak with my glove on? | use a piece of cardboard
maintenance | HP-200 | press | How often do the column bushings of the press get grease? | 50 h | Grease the eight column bushings
maintenance | HP-200 | press | From which date does the age of a hydraulic hose on the press count, and how old may it get? | six years after the date stamped on its ferrule
troubleshooting | VM-5 | mill_alarms | AL52.1 on the amplifier of the machining centre, what now? | Open the clamp, look for chips
troubleshooting | VM-5 | mill_alarms | Message 204 on the mill | Data transfer broken off
troubleshooting | VM-5 | mill | srvo battery alarm serv 62 - how do I replace the cells without losing positions? | Replace the batteries while the control is switched on
procedure | VM-5 | mill | What do I do after the spindle ran into the fixture? | Do not retract with a program
specification | VM-5 | mill | What force must hold the HSK holder when the drawbar is new? | 18 kN | clamps HSK-A63 holders with 18 kN
specification | VM-5 | mill | Which coolant concentration does the milling machine need? | 7 to 9 %
safety | VM-5 | mill | How long is there dangerous voltage in the drives of the mill after switching off? | twelve minutes | keeps more than 50 V for up to twelve minutes
maintenance | VM-5 | mill | How often is the door window of the machining centre exchanged? | five years | must be replaced every five years
troubleshooting | PK-3 | packer | PK-3 shows 204, what does it mean? | Carton not opened
procedure | PK-3 | packer | How do I fit a new glue nozzle on the packing line? | Unscrew the nozzle with the socket 13 mm
specification | PK-3 | packer | To what frequency is the gantry belt tensioned? | 41 Hz | Set 41 Hz
safety | PK-3 | packer | Someone got hot glue on the hand at the carton closer, what is the first aid? | cool with water for at least ten minutes
maintenance | PK-3 | schedule_b | After how many hours are the nozzle filters of the gluer due in the newest schedule? | 400 h
history | HP-200 | reports | What fixed the accumulator pressure alarm on the press in the past? | 95 bar
history | PK-3 | reports | What did we do last time the glue nozzle was blocked? | filter
history | VM-5 | reports | How was the jammed tool changer arm freed before? | cam box
troubleshooting | AC-75 | compressor | err 3 是什么原因？ | 变频器加速过电流
troubleshooting | AC-75 | compressor | 空压机一停机进气口就往外喷油，怎么办？ | 不要用急停停机
troubleshooting | AC-75 | compressor | ERR-06 报警应该换什么？ | 更换风扇，吹扫散热器
troubleshooting | AC-75 | compressor | 送出来的压缩空气里带油太多 | 疏通回油管的节流孔
specification | AC-75 | compressor | 安全阀多大压力起跳？ | 0.95 | 安全阀开启压力
specification | AC-75 | compressor | f012 出厂设的是多少？ | 0.75 | 供气压力设定
specification | AC-75 | compressor | 油气分离罐端盖螺栓要拧到多少牛米？ | 370 | 油气分离罐端盖
procedure | AC-75 | compressor | 怎样把供气压力调低一点？ | 进入 F0 组，选择 F0.12
procedure | AC-75 | compressor | 换机油和机油滤芯的步骤 | 手紧后再旋 3/4 圈。
safety | AC-75 | compressor | 母线电压降到多少伏以下才允许打开变频器盖子？ | 36 V
maintenance | AC-75 | compressor | 油分芯多长时间换一次？ | 4000 h | 更换润滑油、油气分离芯
history | AC-75 | reports | 上次Err03是怎么修好的？ | F2.05
"""

# language | machine | question | kind | strings that must stand nowhere in the documents (or nothing)
UNANSWERABLE = """
en | HP-200 | What does alarm E-230 mean on the press? | troubleshooting | E-230
en | VM-5 | What is the clamping force of the tailstock? | specification | tailstock
en | PK-3 | How do I replace the print head of the label printer? | procedure | print head;label printer
en | PK-3 | alarm 407 on the packing line | troubleshooting | 407
en | HP-200 | Which viscosity of oil does the press gearbox need? | specification | gearbox
en | VM-5 | How is the bar feeder aligned? | procedure | bar feeder
en | HP-200 | What is the IP address of the press controller? | specification | IP address
en | VM-5 | SPDL-077 after start, what is it? | troubleshooting | SPDL-077
en | PK-3 | How much refrigerant does the cabinet cooler of the packing line hold? | specification | refrigerant
en | | Who won the football match yesterday? | out_of_scope | football
en | | Write a poem about the sea. | out_of_scope | poem
zh | AC-75 | Err25 是什么故障？ | troubleshooting | Err25
zh | AC-75 | 冷冻式干燥机的制冷剂型号是什么？ | specification | 制冷剂
zh | AC-75 | 主机轴承的型号是多少？ | specification | 轴承型号
zh | | 明天天气怎么样？ | out_of_scope | 天气
"""
